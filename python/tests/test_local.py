"""`server=None`: the policy decides in this process, no one is asked, and a tool runs exactly when it may."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import pathlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from conftest import AGENT, FakeServer
from faramesh import (
    ApprovalRequiredError,
    ArgumentsChangedError,
    AsyncClient,
    Client,
    Decision,
    EngineFailureError,
    InvalidActionError,
    PolicyInvalidError,
    ServerUnavailableError,
    ToolDeniedError,
    _files,
    govern,
)
from faramesh._local import LARGE, LocalPolicy
from faramesh._terms import CONFIGURED, Terms
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool, wrap_tools
from scripted import ScriptedModel
from test_engine import LARGE as LARGE_ACTION
from test_engine import spent
from test_langchain import MAKERS, RAN, SYNC, TERMS, agent_messages, told
from test_langchain import refund as langchain_refund

POLICY = """\
rules:
  - { id: large, match: { tool: process_refund, amount_gt: 1000 }, deny: true, reason: Needs the finance team }
  - { id: mid, match: { tool: process_refund, amount_gt: 150 }, require_approval: true, reason: A manager looks }
  - { id: small, match: { tool: process_refund, amount_gte: 0 }, allow: true }
"""
CLOSED = POLICY.replace("allow: true", "deny: true")
BROKEN = POLICY.replace("allow: true", "alow: true")

HELD = """\
The tool `process_refund` was not run: it needs approval by a person, and there is no way here to ask one.
Code: approval_required
Rule: mid (support-agent.yaml)
Reason: A manager looks
Do not retry with these arguments. Tell the user that this needs approval by a person and was not done; \
it was not rejected."""
DENIED = """\
The tool `process_refund` was not run: policy denies this call.
Code: policy_deny
Rule: large (support-agent.yaml)
Reason: Needs the finance team
Do not retry with these arguments. Tell the user why, or go on without this call."""


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a listener, so that a request to a server fails."""
    monkeypatch.setenv("FARAMESH_URL", "http://127.0.0.1:1")


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "support-agent.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def here(refund: Any, file: pathlib.Path) -> Any:
    """The governed refund, decided by the file."""
    return refund(policy=file, server=None)


def test_execute_runs(here: Any, ran: Any) -> None:
    assert here("c-1", amount=45) == "refunded 45"
    assert ran == [("c-1", 45)]


def test_halt_raises_with_the_decision(here: Any, ran: Any) -> None:
    with pytest.raises(ToolDeniedError, match=r"Needs the finance team \(policy_deny, rule `large`") as caught:
        here("c-1", 5000)
    error = caught.value
    assert (error.code, error.action, ran) == ("policy_deny", None, [])
    assert error.decision is not None
    assert (error.decision.outcome, error.decision.rule and error.decision.rule.id) == ("HALT", "large")


def test_abstain_does_not_run_and_waits_for_nobody(here: Any, ran: Any) -> None:
    with pytest.raises(ApprovalRequiredError, match="without a server nobody can be asked") as caught:
        here("c-1", 340)
    assert (caught.value.code, ran) == ("approval_required", [])
    assert caught.value.decision is not None
    assert caught.value.decision.outcome == "ABSTAIN"


@pytest.mark.parametrize("amount", ["1e9", None, True, "45"])
def test_what_no_rule_can_compare_does_not_run(here: Any, ran: Any, amount: Any) -> None:
    with pytest.raises(ToolDeniedError) as caught:
        here("c-1", amount)
    assert (caught.value.code, ran) == ("undetermined_deny", [])


@pytest.mark.parametrize("amount", [float("nan"), 2**53, object(), "\ud800"])
def test_what_is_no_action_does_not_run(here: Any, ran: Any, amount: Any) -> None:
    with pytest.raises(InvalidActionError):
        here("c-1", amount)
    assert ran == []


def test_an_error_of_the_tool_is_its_own(file: pathlib.Path) -> None:
    @govern(agent_id=AGENT, policy=file, server=None)
    def process_refund(amount: float) -> str:
        raise ToolDeniedError("a nested gate says no")

    with pytest.raises(ToolDeniedError, match="a nested gate"):
        process_refund(45)


def test_operation_and_context_are_part_of_what_is_decided(refund: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("rules: [{ match: { operation: pay, context: { tenant: acme } }, allow: true }]")
    assert refund(policy=path, server=None, operation="pay", context={"tenant": "acme"})("c-1") == "refunded 45"
    with pytest.raises(ToolDeniedError):
        refund(policy=path, server=None, operation="pay", context={"tenant": "else"})("c-1")


def test_the_time_is_known(refund: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.yaml"
    day = "{ match: { tool: process_refund, time: { days: [mon, tue, wed, thu, fri, sat, sun] } }, allow: true }"
    path.write_text(f"rules: [{day}]")
    assert refund(policy=path, server=None)("c-1") == "refunded 45"


def test_a_folder_decides_with_all_its_files(refund: Any, file: pathlib.Path) -> None:
    governed = refund(policy=file.parent, server=None)
    assert governed("c-1") == "refunded 45"
    (file.parent / "b.yaml").write_text("rules: [{ match: { customer_id_eq: c-1 }, deny: true }]")
    with pytest.raises(ToolDeniedError, match=r"b\.yaml"):
        governed("c-1")
    assert governed("c-2") == "refunded 45"


def test_what_was_decided_is_compared_with_what_would_run(here: Any, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LocalPolicy.decide

    def another(self: LocalPolicy, action: bytes) -> Decision:
        return dataclasses.replace(real(self, action), request_hash="0" * 64)

    monkeypatch.setattr(LocalPolicy, "decide", another)
    with pytest.raises(ArgumentsChangedError, match="not the ones that were decided"):
        here("c-1")
    assert ran == []


def test_a_tool_gets_what_was_decided_and_not_what_it_became(file: pathlib.Path) -> None:
    got: list[Any] = []

    @govern(agent_id=AGENT, policy=file, server=None)
    def process_refund(amount: float, notes: list[str]) -> None:
        got.append(notes)

    notes = ["one"]
    process_refund(45, notes)
    notes.append("two")
    assert got == [["one"]]


def test_an_engine_that_stops_runs_nothing(here: Any, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("faramesh._wasm.DECIDE_FUEL", 20_000)
        with pytest.raises(EngineFailureError) as caught:
            here("c-1")
    assert (caught.value.code, ran) == ("engine_failure", [])
    assert here("c-1") == "refunded 45"


class TestTerms:
    """The accepted options, and those refused before the first call."""

    def test_nothing_said_means_the_configured_server(self, refund: Any, file: pathlib.Path) -> None:
        with pytest.raises(ServerUnavailableError):
            refund()("c-1")
        with pytest.raises(ServerUnavailableError):
            refund(policy=file)("c-1")
        assert Terms.check(agent_id="a").server is None
        assert repr(CONFIGURED) == "<the server that the settings name>"

    def test_a_server_can_be_named(self, fake: FakeServer, refund: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FARAMESH_URL", "http://127.0.0.1:1")
        assert refund(server=fake.url)("c-1") == "refunded 45"
        assert fake.verbs() == ["submit", "start", "result"]

    def test_contradictions_are_refused(self, file: pathlib.Path) -> None:
        with pytest.raises(ValueError, match="`policy` must say by what"):
            govern(agent_id=AGENT, server=None)
        with pytest.raises(ValueError, match="nobody to report"):
            govern(agent_id=AGENT, server=None, policy=file, report_result=True)
        with Client() as client, pytest.raises(ValueError, match="give one of them"):
            govern(agent_id=AGENT, server=None, policy=file, client=client)
        with pytest.raises(ValueError, match="give one of them"):
            govern(agent_id=AGENT, server="http://127.0.0.1:8000", async_client=AsyncClient())

    def test_a_policy_that_cannot_decide_is_refused_at_once(self, file: pathlib.Path) -> None:
        with pytest.raises(FileNotFoundError, match="no such file or folder"):
            govern(agent_id=AGENT, server=None, policy=file.parent / "none.yaml")
        file.write_text(BROKEN)
        with pytest.raises(PolicyInvalidError, match="unknown key `alow`") as caught:
            wrap_tools([tool(langchain_refund)], AGENT, file, server=None)
        assert caught.value.diagnostics[0].help == "did you mean `allow`?"


class TestChanges:
    """The files may change at any time; only valid ones take effect."""

    def test_a_change_is_in_force_from_the_next_call_on(self, here: Any, ran: Any, file: pathlib.Path) -> None:
        here("c-1")
        for _ in range(5):
            file.write_text(CLOSED)
            with pytest.raises(ToolDeniedError):
                here("c-2")
            file.write_text(POLICY)
            here("c-1")
        assert ran == [("c-1", 45)] * 6

    def test_a_change_that_hides_is_seen(self, here: Any, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("faramesh._settle._COARSE_NS", -(10**9))
        here("c-1")
        before = file.stat()
        changed = POLICY.replace("amount_gte: 0 }", "amount_gt: 99 }")
        assert (len(changed), changed != POLICY) == (before.st_size, True)
        time.sleep(0.05)  # longer than the steps in which a file system counts
        file.write_text(changed)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(ToolDeniedError):
            here("c-1")

    def test_a_file_that_is_too_new_to_tell_is_read_again(
        self, refund: Any, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        same = time.time_ns()
        now = _files.Stamp((_files.Entry("a file system that counts in days", 0, (0, 0), 0, (same, same)),))
        monkeypatch.setattr("faramesh._files.stamp", lambda path: now)
        governed = refund(policy=file, server=None)
        governed("c-1")
        file.write_text(CLOSED)
        with pytest.raises(ToolDeniedError):
            governed("c-1")

    def test_a_file_at_rest_is_not_read(self, here: Any, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("faramesh._settle._COARSE_NS", -(10**9))
        here("c-1")
        monkeypatch.setattr("faramesh._files.read", lambda *_: pytest.fail("it is read"))
        assert here("c-1") == "refunded 45"

    def test_a_file_with_errors_changes_nothing_and_is_told_once(
        self, here: Any, ran: Any, file: pathlib.Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.write_text(BROKEN)
        for _ in range(3):
            here("c-1")
        with pytest.raises(ApprovalRequiredError):
            here("c-1", 340)
        (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert "unknown key `alow`" in record.message
        assert "the former policies stay in force" in record.message
        file.write_text(CLOSED)
        with pytest.raises(ToolDeniedError):
            here("c-1")
        assert "is in force" in caplog.text
        file.write_text(BROKEN)
        with pytest.raises(ToolDeniedError):
            here("c-1")
        assert ran == [("c-1", 45)] * 3

    def test_a_file_that_went_away_changes_nothing_and_is_told_once(
        self, here: Any, file: pathlib.Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.unlink()
        for _ in range(3):
            here("c-1")
        assert [one.levelname for one in caplog.records] == ["ERROR"]
        file.write_text(CLOSED)
        with pytest.raises(ToolDeniedError):
            here("c-1")

    def test_a_folder_that_is_emptied_permits_nothing(self, refund: Any, ran: Any, file: pathlib.Path) -> None:
        governed = refund(policy=file.parent, server=None)
        file.unlink()
        with pytest.raises(ToolDeniedError) as caught:
            governed("c-1")
        assert (caught.value.code, ran) == ("no_policy", [])

    def test_changes_under_many_threads(self, file: pathlib.Path) -> None:
        local = LocalPolicy(file)
        action = b'{"agent_id":"a","tool":"process_refund","params":{"amount":45}}'
        found: set[str] = set()
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                found.add(local.decide(action).outcome)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for text in [CLOSED, BROKEN, POLICY, CLOSED] * 5:
            new = file.with_suffix(".new")
            new.write_text(text)
            new.rename(file)
        stop.set()
        for thread in threads:
            thread.join()
        assert found <= {"EXECUTE", "HALT"}
        assert local.decide(action).outcome == "HALT"


class TestEventLoops:
    """Asynchronous tools."""

    def test_many_at_once(self, file: pathlib.Path) -> None:
        @govern(agent_id=AGENT, policy=file, server=None)
        async def process_refund(amount: float) -> float:
            await asyncio.sleep(0)
            return amount

        async def all_of_them() -> list[Any]:
            calls = (process_refund(amount) for amount in range(0, 1200, 10))
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = asyncio.run(all_of_them())
        assert [one for one in answers if isinstance(one, int)] == list(range(0, 151, 10))
        assert {type(one) for one in answers} == {int, ApprovalRequiredError, ToolDeniedError}

    def test_a_large_action_does_not_hold_the_loop(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "spent.yaml"
        path.write_text(spent())
        local = LocalPolicy(path)
        assert len(LARGE_ACTION) > LARGE

        async def ask() -> int:
            ticks = 0
            deciding = asyncio.ensure_future(local.adecide(LARGE_ACTION))
            while not deciding.done():
                await asyncio.sleep(0.005)
                ticks += 1
            assert (await deciding).reason_code == "engine_limit"
            return ticks

        assert asyncio.run(ask()) > 5


class TestLangChain:
    """Tools of both eras, decided here."""

    @pytest.fixture(autouse=True)
    def fresh(self) -> None:
        RAN.clear()

    @pytest.fixture
    def makers(self, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
        monkeypatch.setitem(TERMS, "policy", file)
        monkeypatch.setitem(TERMS, "server", None)
        return MAKERS

    @pytest.mark.parametrize("era", ["current", "classic"])
    @pytest.mark.parametrize(
        ("name", "synchronous"), [(name, True) for name in SYNC] + [(name, False) for name in MAKERS]
    )
    def test_every_kind_of_tool(
        self, makers: dict[str, Callable[[], Any]], era: str, name: str, synchronous: bool
    ) -> None:
        def ask(amount: float) -> str:
            call = {"customer_id": "c-1", "amount": amount}
            return told(makers[name](), call, era=era, synchronous=synchronous)

        assert ask(45) == "refunded 45.0"
        assert ask(340) == HELD
        assert ask(5000) == DENIED
        assert RAN == [("c-1", 45.0)]

    @pytest.mark.parametrize("synchronous", [True, False])
    def test_a_whole_list(self, file: pathlib.Path, synchronous: bool) -> None:
        governed = wrap_tools([langchain_refund, tool("send_email")(langchain_refund)], AGENT, file, server=None)
        assert [one.name for one in governed] == ["refund", "send_email"]
        (message,) = agent_messages(
            [{"customer_id": "c-1", "amount": 45}],
            synchronous=synchronous,
            tools=wrap_tools([tool("process_refund")(langchain_refund)], AGENT, file, server=None),
        )
        assert message.content == "refunded 45.0"

    @pytest.mark.parametrize("synchronous", [True, False])
    def test_the_middleware(self, file: pathlib.Path, synchronous: bool) -> None:
        messages = agent_messages(
            [{"customer_id": "c-1", "amount": amount} for amount in (45, 340, 5000)],
            synchronous=synchronous,
            tools=[tool("process_refund")(langchain_refund)],
            middleware=[FarameshMiddleware(agent_id=AGENT, policy=file, server=None)],
        )
        assert [message.content for message in messages] == ["refunded 45.0", HELD, DENIED]
        assert [getattr(message, "status", None) for message in messages] == ["success", "error", "error"]
        assert RAN == [("c-1", 45.0)]

    def test_an_unknown_tool_is_decided_too(self, file: pathlib.Path) -> None:
        model = ScriptedModel(calls=[("drop_tables", {"all": True})])
        middleware = FarameshMiddleware(agent_id=AGENT, policy=file, server=None)
        question: Any = {"messages": [("user", "please")]}
        answer = create_agent(model, tools=[tool("process_refund")(langchain_refund)], middleware=[middleware]).invoke(
            question
        )
        (message,) = [one for one in answer["messages"] if isinstance(one, ToolMessage)]
        assert "Code: default_deny" in str(message.content)

    def test_it_can_raise(self, file: pathlib.Path) -> None:
        governed = faramesh_tool(
            tool("process_refund")(langchain_refund), agent_id=AGENT, policy=file, server=None, on_deny="raise"
        )
        with pytest.raises(ApprovalRequiredError):
            governed.invoke({"customer_id": "c-1", "amount": 340})

    def test_an_engine_that_stops_is_no_denial(self, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        governed = wrap_tools([tool("process_refund")(langchain_refund)], AGENT, file, server=None)[0]
        monkeypatch.setattr("faramesh._wasm.DECIDE_FUEL", 20_000)
        text = governed.invoke({"customer_id": "c-1", "amount": 45})
        assert text.splitlines() == [
            "The tool `process_refund` was not run: whether it is allowed could not be decided.",
            "Code: engine_failure",
            "Do not retry now. Tell the user that this cannot be done at the moment; it was not rejected.",
        ]
        assert RAN == []
