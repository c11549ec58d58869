"""A held call: waited for through outages, withdrawn when it is given up, and taken up again."""

from __future__ import annotations

import asyncio
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import tool

from conftest import AGENT, FakeServer, JsonObject, Reply, allow, approved, halt, hold, turned
from faramesh import (
    ActionWithdrawnError,
    AlreadyStartedError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    AsyncClient,
    Client,
    PermitLapsedError,
    ServerUnavailableError,
    ToolDeniedError,
    govern,
)
from faramesh.integrations.langchain import faramesh_tool

HOUR = {"created_at": "2026-11-25T10:00:00Z", "expires_at": "2026-11-25T11:00:00Z"}


@pytest.fixture(autouse=True)
def held(fake: FakeServer) -> None:
    fake.decide = lambda body: {**hold(), **HOUR}


def test_an_outage_of_any_length_is_waited_out(fake: FakeServer, refund: Any, ran: Any) -> None:
    away = [Reply(503, {}), Reply(drop=True), Reply(502, b"<html>"), Reply(429, {})] * 3
    fake.script("wait", *away, turned(**approved()))
    assert refund()("c-1", 340) == "refunded 340"
    assert ran == [("c-1", 340)]


def test_an_outage_between_the_approval_and_the_start_is_waited_out(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("wait", turned(**approved()))
    fake.script("start", *[Reply(503, {}), Reply(drop=True), Reply(502, b"")] * 2, turned(status="executing"))
    assert refund()("c-1", 340) == "refunded 340"
    assert ran == [("c-1", 340)]
    keys = {one.headers["Idempotency-Key"] for one in fake.seen if one.verb == "start"}
    assert len(keys) == 1, "it is the same start, however often it is sent"


def test_an_outage_ends_with_the_patience_of_the_caller(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("wait", Reply(503, {}))
    begun = time.monotonic()
    with pytest.raises(ServerUnavailableError, match="resume") as caught:
        refund(approval_timeout=0.3)("c-1", 340)
    assert 0.3 <= time.monotonic() - begun < 5
    assert (caught.value.action_id, ran) == ("action-0000", [])
    assert fake.verbs()[-1] == "withdraw"


def test_without_a_timeout_the_approval_is_waited_for(fake: FakeServer, refund: Any, ran: Any) -> None:
    """However often the server reports no answer: only the server knows when the approval expires."""
    fake.script("wait", *[turned()] * 20, turned(**halt("approval_expired")))
    with pytest.raises(Exception, match="before its approval expired"):
        refund(approval_timeout=None)("c-1", 340)
    assert (fake.verbs().count("wait"), "withdraw" in fake.verbs(), ran) == (21, False, [])


def test_who_gives_up_withdraws(fake: FakeServer, refund: Any, ran: Any) -> None:
    with pytest.raises(ApprovalRequiredError, match="it is withdrawn") as caught:
        refund(approval_timeout=0.1)("c-1", 340)
    assert caught.value.action is not None
    assert (caught.value.action.status, fake.actions["action-0000"]["status"]) == ("withdrawn", "withdrawn")
    assert (fake.verbs()[-1], ran) == ("withdraw", [])


def test_an_approval_of_the_last_moment_is_taken_up(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("get", turned(**approved()))
    assert refund(approval_timeout=0.1)("c-1", 340) == "refunded 340"
    assert (ran, "withdraw" in fake.verbs()) == ([("c-1", 340)], False)


def test_a_withdrawal_that_comes_too_late_takes_the_answer_up(fake: FakeServer, refund: Any, ran: Any) -> None:
    def refuse(action: JsonObject) -> Reply:
        action.update(approved())
        return Reply(409, {"code": "conflict", "action_status": "approved"})

    fake.script("withdraw", refuse)
    assert refund(approval_timeout=0.1)("c-1", 340) == "refunded 340"
    assert ran == [("c-1", 340)]


@pytest.mark.parametrize("reply", [Reply(404, {}), Reply(500, {}), Reply(drop=True), Reply(401, {})])
def test_a_withdrawal_that_fails_is_no_answer(fake: FakeServer, refund: Any, ran: Any, reply: Reply) -> None:
    fake.script("withdraw", reply)
    with pytest.raises(ApprovalRequiredError, match="could not be withdrawn"):
        refund(approval_timeout=0.1)("c-1", 340)
    assert ran == []


async def test_a_cancelled_call_withdraws(fake: FakeServer, ran: list[Any]) -> None:
    @govern(agent_id=AGENT)
    async def refund() -> None:
        ran.append(1)

    task = asyncio.create_task(refund())
    while "wait" not in fake.verbs():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (fake.actions["action-0000"]["status"], ran) == ("withdrawn", [])


async def test_a_call_with_a_time_limit_of_its_own_withdraws(fake: FakeServer) -> None:
    governed = faramesh_tool(tool(arefund), agent_id=AGENT)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(governed.ainvoke({"amount": 340}), 0.3)
    assert fake.actions["action-0000"]["status"] == "withdrawn"


async def arefund(amount: float) -> str:
    """Refund a customer."""
    return f"refunded {amount}"


@pytest.mark.parametrize("code", ["permit_expired", "policy_changed"])
def test_a_permit_that_lapsed_is_told_as_such(fake: FakeServer, refund: Any, ran: Any, code: str) -> None:
    fake.decide = lambda body: allow()

    def lapse(action: JsonObject) -> Reply:
        action["status"] = "lapsed"
        return Reply(409, {"code": code, "action_status": "lapsed"})

    fake.script("start", lapse)
    with pytest.raises(PermitLapsedError) as caught:
        refund()("c-1")
    assert (caught.value.code, caught.value.retryable, ran) == (code, True, [])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("withdrawn", ActionWithdrawnError),
        ("lapsed", PermitLapsedError),
        ("executing", AlreadyStartedError),
        ("succeeded", AlreadyStartedError),
        ("failed", AlreadyStartedError),
        ("timeout", AlreadyStartedError),
    ],
)
@pytest.mark.parametrize("outcome", ["EXECUTE", "ABSTAIN"])
def test_an_action_that_is_over_never_starts(
    fake: FakeServer, refund: Any, ran: Any, status: str, error: type[Exception], outcome: str
) -> None:
    fake.script("wait", turned(outcome=outcome, status=status))
    with pytest.raises(error):
        refund()("c-1", 340)
    assert (ran, "start" in fake.verbs()) == ([], False)


def test_a_held_call_says_once_what_a_person_can_do(
    fake: FakeServer, refund: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fake.script("wait", *[turned()] * 5, turned(**approved()))
    refund()("c-1", 340)
    (line,) = [record.message for record in caplog.records if "waiting" in record.message]
    assert line.startswith("waiting for a person: faramesh actions approve action-0 (until 2026-11-25 ")


def test_it_is_said_on_stderr_where_no_log_is_set_up(fake: FakeServer) -> None:
    fake.script("wait", turned(**approved()))
    code = "from faramesh import govern\nprint(govern(lambda n: n, agent_id='a', tool='t')(7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"
    assert done.stderr.startswith("waiting for a person: faramesh actions approve ")


PROGRAMS = {
    "in the main thread": """
        from faramesh import govern
        govern(lambda n: n, agent_id="a", tool="t")(7)
    """,
    "in the pool of a LangGraph agent": """
        from langchain.agents import create_agent
        from langchain_core.tools import tool
        from faramesh.integrations.langchain import faramesh_tool
        from scripted import ScriptedModel

        @faramesh_tool(agent_id="a")
        @tool
        def t(n: int) -> str:
            "Do it."
            return "ran"

        create_agent(ScriptedModel(calls=[("t", {"n": 7})]), [t]).invoke({"messages": [("user", "please")]})
    """,
    "in an asynchronous agent": """
        import asyncio
        from langchain.agents import create_agent
        from langchain_core.tools import tool
        from faramesh.integrations.langchain import faramesh_tool
        from scripted import ScriptedModel

        @faramesh_tool(agent_id="a")
        @tool
        def t(n: int) -> str:
            "Do it."
            return "ran"

        agent = create_agent(ScriptedModel(calls=[("t", {"n": 7})]), [t])
        asyncio.run(agent.ainvoke({"messages": [("user", "please")]}))
    """,
}


# A shell that starts a job in the background makes it ignore Ctrl-C, and its children inherit that.
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


@pytest.mark.parametrize("where", list(PROGRAMS))
def test_ctrl_c_ends_a_held_call_at_once_and_withdraws(fake: FakeServer, where: str) -> None:
    # As a real server does: a long poll hangs until there is an answer or its time is over.
    fake.script("wait", Reply(503, {}, after=20.0))
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE + textwrap.dedent(PROGRAMS[where])],
        cwd=pathlib.Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: "wait" in fake.verbs() or process.poll() is not None)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=15)
        assert time.monotonic() - begun < 10, told
    finally:
        process.kill()
        process.wait()
    assert "KeyboardInterrupt" in told
    until(lambda: "withdraw" in fake.verbs())
    assert fake.actions["action-0000"]["status"] == "withdrawn"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


class TestResume:
    """`resume(action_id)` takes a kept call up again: once, and with the same arguments."""

    @pytest.fixture
    def kept(self, fake: FakeServer) -> str:
        """A refund of 340 that was not waited for."""
        with pytest.raises(ApprovalRequiredError) as caught:
            govern(process_refund, agent_id=AGENT, approval_timeout=0)("c-1", 340)
        assert caught.value.action_id is not None
        assert fake.actions[caught.value.action_id]["status"] == "pending_approval"
        fake.seen.clear()
        return caught.value.action_id

    @pytest.fixture(autouse=True)
    def made(self) -> None:
        MADE.clear()

    def test_what_was_approved_runs_once(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(approved())
        governed: Any = govern(process_refund, agent_id=AGENT)
        assert governed.resume(kept) == "refunded 340"
        with pytest.raises(AlreadyStartedError):
            governed.resume(kept)
        with pytest.raises(AlreadyStartedError):
            governed.resume(kept, "c-1", amount=340)
        assert MADE == [("c-1", 340)]
        assert "submit" not in fake.verbs()

    def test_with_the_arguments_of_the_call(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(approved())
        governed: Any = govern(process_refund, agent_id=AGENT)
        with pytest.raises(ArgumentsChangedError):
            governed.resume(kept, "c-1", 341)
        assert governed.resume(kept, "c-1", 340) == "refunded 340"
        assert MADE == [("c-1", 340)]

    def test_another_tool_or_agent_cannot_take_it_up(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(approved())
        others: list[dict[str, Any]] = [
            {"agent_id": "other"},
            {"agent_id": AGENT, "tool": "other"},
            {"agent_id": AGENT, "operation": "o"},
        ]
        for terms in others:
            other: Any = govern(process_refund, **terms)
            with pytest.raises(ArgumentsChangedError):
                other.resume(kept)
        assert (MADE, "start" in fake.verbs()) == ([], False)

    def test_what_still_waits_is_waited_for(self, fake: FakeServer, kept: str) -> None:
        fake.script("wait", turned(), Reply(503, {}), turned(**approved()))
        governed: Any = govern(process_refund, agent_id=AGENT)
        assert governed.resume(kept) == "refunded 340"

    def test_what_was_rejected_does_not_run(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(halt("approval_rejected", "wrong customer"))
        governed: Any = govern(process_refund, agent_id=AGENT)
        with pytest.raises(ApprovalRejectedError):
            governed.resume(kept)
        answering: Any = govern(process_refund, agent_id=AGENT, on_deny="return")
        assert "wrong customer" in answering.resume(kept)
        assert MADE == []

    def test_asynchronously(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(approved())

        async def aprocess_refund(customer_id: str, amount: float) -> str:
            return process_refund(customer_id, amount)

        governed: Any = govern(aprocess_refund, agent_id=AGENT, tool="process_refund")
        assert asyncio.run(governed.aresume(kept)) == "refunded 340"
        with pytest.raises(AlreadyStartedError):
            asyncio.run(governed.resume(kept))
        assert MADE == [("c-1", 340)]

    @pytest.mark.parametrize("synchronous", [True, False])
    def test_a_tool_of_langchain(self, fake: FakeServer, kept: str, synchronous: bool) -> None:
        fake.actions[kept].update(approved())
        governed: Any = faramesh_tool(tool(process_refund), agent_id=AGENT)
        take_up = governed.resume if synchronous else lambda kept: asyncio.run(governed.aresume(kept))
        assert take_up(kept) == "refunded 340.0"
        assert "started before" in take_up(kept)
        assert MADE == [("c-1", 340)]

    def test_a_call_after_it_is_a_call_of_its_own(self, fake: FakeServer, kept: str) -> None:
        fake.actions[kept].update(approved())
        fake.decide = lambda body: allow()
        governed: Any = faramesh_tool(tool(process_refund), agent_id=AGENT)
        governed.resume(kept)
        governed.invoke({"customer_id": "c-2", "amount": 1})
        assert (fake.verbs().count("submit"), MADE) == (1, [("c-1", 340), ("c-2", 1)])

    def test_the_clients_find_its_fate(self, fake: FakeServer, kept: str) -> None:
        fake.script("wait", turned(), Reply(503, {}), turned(**approved()))
        with Client() as client:
            assert client.resume(kept).status == "approved"

    async def test_the_clients_find_its_fate_asynchronously(self, fake: FakeServer, kept: str) -> None:
        fake.script("wait", turned(), Reply(503, {}), turned(**approved()))
        async with AsyncClient() as client:
            assert (await client.resume(kept)).status == "approved"
            assert (await client.resume(kept, 0)).status == "approved"

    def test_without_a_server_nothing_is_kept(self, tmp_path: pathlib.Path) -> None:
        policy = tmp_path / "p.yaml"
        policy.write_text("rules: []")
        governed: Any = govern(process_refund, agent_id=AGENT, policy=policy, server=None)
        with pytest.raises(ValueError, match="no action is kept"):
            governed.resume("a")


MADE: list[tuple[str, float]] = []


def process_refund(customer_id: str, amount: float) -> str:
    """Refund a customer."""
    MADE.append((customer_id, amount))
    return f"refunded {amount}"


class TestCallId:
    """A call with an id of its own is one action, however often it is made."""

    def test_the_same_call_runs_once(self, fake: FakeServer) -> None:
        MADE.clear()
        keys: dict[str, str] = {}

        def once(action: JsonObject) -> Reply:
            seen = fake.seen[-1]
            first = keys.setdefault(seen.headers["Idempotency-Key"], action["id"])
            return Reply(body=dict(fake.actions[first]))

        fake.decide = lambda body: allow()
        fake.script("submit", once)
        governed = govern(process_refund, agent_id=AGENT, call_id=lambda customer_id, amount: "call-1")
        assert governed("c-1", 45) == "refunded 45"
        with pytest.raises(AlreadyStartedError):
            governed("c-1", 45)
        assert governed("c-1", 46) == "refunded 46", "other arguments are another call"
        assert MADE == [("c-1", 45), ("c-1", 46)]


def test_on_deny_return_tells_the_model(fake: FakeServer, flavour: str) -> None:
    fake.decide = lambda body: halt()
    MADE.clear()

    async def arefund(customer_id: str, amount: float) -> str:
        return process_refund(customer_id, amount)

    if flavour == "sync":
        answer = govern(process_refund, agent_id=AGENT, on_deny="return")("c-1", 5000)
    else:
        answer = asyncio.run(govern(arefund, agent_id=AGENT, on_deny="return")("c-1", 5000))
    assert "was not run: policy denies this call" in answer
    assert MADE == []
    with pytest.raises(ToolDeniedError):
        govern(process_refund, agent_id=AGENT, on_deny="raise")("c-1", 5000)


def test_threads_that_wait_leave_no_thread_behind(fake: FakeServer, refund: Any, flavour: str) -> None:
    fake.script("wait", turned(), turned(**approved()))
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(refund()("c-1", 340)))
    thread.start()
    thread.join(30)
    assert answers == ["refunded 340"]
    until(lambda: not [one for one in threading.enumerate() if one.name == "faramesh-wait"])
