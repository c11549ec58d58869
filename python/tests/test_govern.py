"""The flow: whatever the server does, the tool runs exactly when it may."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import pathlib
import socket
import threading
import time
from typing import Any

import pytest

from conftest import AGENT, FakeServer, JsonObject, Reply, allow, approved, halt, hold, turned
from faramesh import (
    AccessRefusedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    AsyncClient,
    Client,
    FarameshError,
    InvalidActionError,
    RequestRefusedError,
    ServerUnavailableError,
    ToolDeniedError,
    govern,
)


def test_execute_starts_runs_and_reports(fake: FakeServer, refund: Any, ran: Any) -> None:
    assert refund()("c-1", amount=45) == "refunded 45"
    assert ran == [("c-1", 45)]
    assert fake.verbs() == ["submit", "start", "result"]
    assert fake.seen[0].body == {
        "agent_id": AGENT,
        "tool": "process_refund",
        "operation": "call",
        "params": {"customer_id": "c-1", "amount": 45},
        "context": {},
    }
    assert fake.reports() == [{"success": True}]


def test_defaults_are_part_of_what_is_decided(fake: FakeServer, refund: Any) -> None:
    refund()("c-1")
    assert fake.seen[0].body["params"] == {"customer_id": "c-1", "amount": 45}


def test_operation_and_context_are_part_of_what_is_decided(fake: FakeServer, refund: Any) -> None:
    refund(operation="refund", context={"tenant": "acme"})("c-1")
    assert (fake.seen[0].body["operation"], fake.seen[0].body["context"]) == ("refund", {"tenant": "acme"})


def test_halt_raises_with_the_decision(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: halt()
    with pytest.raises(ToolDeniedError, match="Refunds above") as caught:
        refund()("c-1", 5000)
    assert caught.value.code == "policy_deny"
    assert caught.value.decision is not None
    assert caught.value.decision.rule is not None
    assert caught.value.decision.rule.id == "small-refunds"
    assert not caught.value.retryable
    assert (ran, fake.verbs()) == ([], ["submit"])


def test_a_held_call_runs_once_when_it_is_approved(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: hold()
    fake.script("wait", turned(), turned(), turned(**approved()))
    assert refund()("c-1", 340) == "refunded 340"
    assert ran == [("c-1", 340)]
    assert fake.verbs() == ["submit", "wait", "wait", "wait", "start", "result"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("approval_rejected", ApprovalRejectedError),
        ("approval_expired", ApprovalExpiredError),
        ("default_deny", ToolDeniedError),
    ],
)
def test_a_held_call_that_halts_does_not_run(
    fake: FakeServer, refund: Any, ran: Any, code: str, error: type[FarameshError]
) -> None:
    fake.decide = lambda body: hold()
    fake.script("wait", turned(**halt(code, "not this one")))
    with pytest.raises(error, match="not this one") as caught:
        refund()("c-1", 340)
    assert (type(caught.value), caught.value.code, ran) == (error, code, [])
    assert "start" not in fake.verbs()


def test_nobody_answers_in_time_is_no_rejection(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: hold()
    begun = time.monotonic()
    with pytest.raises(ApprovalRequiredError, match="waiting for approval") as caught:
        refund(approval_timeout=0.2)("c-1", 340)
    assert caught.value.code == "approval_required"
    assert 0.2 <= time.monotonic() - begun < 5
    assert (ran, "start" in fake.verbs()) == ([], False)


def test_without_patience_nobody_is_waited_for(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: hold()
    with pytest.raises(ApprovalRequiredError):
        refund(approval_timeout=0)("c-1", 340)
    assert (ran, fake.verbs()) == ([], ["submit"])


def test_a_wait_survives_a_restart_of_the_server(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: hold()
    fake.script("wait", *([Reply(drop=True), Reply(503, {}), Reply(502, b"<html>")] * 2), turned(**approved()))
    assert refund()("c-1", 340) == "refunded 340"
    assert ran == [("c-1", 340)]


def test_a_server_that_stays_away_beyond_the_approval_ends_the_wait(
    fake: FakeServer, refund: Any, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faramesh._held.GRACE", 0.1)
    fake.decide = lambda body: {
        **hold(),
        "created_at": "2026-11-25T10:00:00Z",
        "expires_at": "2026-11-25T10:00:00.500Z",
    }
    fake.script("wait", Reply(503, {}))
    with pytest.raises(ServerUnavailableError):
        refund()("c-1", 340)
    assert (ran, fake.verbs()[-1]) == ([], "withdraw")


GARBAGE = [
    pytest.param(Reply(body=b""), id="nothing"),
    pytest.param(Reply(body=b"{"), id="half of an object"),
    pytest.param(Reply(body=b"[" * 100_000), id="very deep"),
    pytest.param(Reply(body=b"\xff\xfe"), id="no text"),
    pytest.param(Reply(body="EXECUTE"), id="a word"),
    pytest.param(Reply(body={}), id="an empty object"),
    pytest.param(Reply(body={"outcome": "EXECUTE"}), id="an outcome alone"),
    pytest.param(turned(outcome=None), id="no outcome"),
    pytest.param(turned(outcome=True), id="an outcome that is no word"),
    pytest.param(turned(id=7), id="an id that is no text"),
    pytest.param(turned(status="denied"), id="an outcome that contradicts the status"),
    pytest.param(turned(status="executed-ish"), id="an unknown status"),
    pytest.param(Reply(204, b""), id="no content"),
    pytest.param(Reply(302, {}), id="a redirect"),
]
REFUSALS = [
    pytest.param(Reply(401, {"code": "unauthenticated"}), AccessRefusedError, "unauthenticated", id="401"),
    pytest.param(Reply(403, {"code": "forbidden"}), AccessRefusedError, "forbidden", id="403"),
    pytest.param(Reply(404, b"nothing here"), RequestRefusedError, "request_refused", id="404"),
    pytest.param(Reply(409, {"code": "idempotency_conflict"}), RequestRefusedError, "idempotency_conflict", id="409"),
    pytest.param(
        Reply(422, {"code": "unreadable", "outcome": "HALT", "reason_code": "invalid_action"}),
        InvalidActionError,
        "invalid_action",
        id="422",
    ),
    pytest.param(Reply(429, {}), ServerUnavailableError, "server_unavailable", id="429"),
    pytest.param(Reply(500, b"oops"), ServerUnavailableError, "server_unavailable", id="500"),
    pytest.param(Reply(503, {"code": "store_failure"}), ServerUnavailableError, "store_failure", id="503"),
]


@pytest.mark.parametrize("verb", ["submit", "start"])
@pytest.mark.parametrize("reply", GARBAGE)
def test_an_answer_that_makes_no_sense_halts(fake: FakeServer, refund: Any, ran: Any, verb: str, reply: Any) -> None:
    fake.script(verb, reply)
    with pytest.raises(ServerUnavailableError):
        refund()("c-1")
    assert ran == []


@pytest.mark.parametrize("verb", ["submit", "start"])
@pytest.mark.parametrize(("reply", "error", "code"), REFUSALS)
def test_an_error_of_the_server_halts(
    fake: FakeServer, refund: Any, ran: Any, verb: str, reply: Reply, error: type[FarameshError], code: str
) -> None:
    fake.script(verb, reply)
    with pytest.raises(error) as caught:
        refund()("c-1")
    assert (type(caught.value), caught.value.code, ran) == (error, code, [])
    assert fake.verbs().count(verb) == 1


def test_an_outcome_from_a_newer_server_halts(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: {**allow(), "outcome": "EXECUTE_WITH_CARE"}
    with pytest.raises(ToolDeniedError, match="EXECUTE_WITH_CARE") as caught:
        refund()("c-1")
    assert (caught.value.code, ran) == ("unknown_outcome", [])


def test_a_start_of_another_action_halts(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("start", turned(id="action-9999", status="executing"))
    with pytest.raises(ServerUnavailableError):
        refund()("c-1")
    assert ran == []


def test_an_answer_about_another_held_action_ends_the_wait_at_once(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: hold()
    fake.script("wait", turned(id="action-9999"))
    with pytest.raises(ServerUnavailableError, match="another action"):
        refund()("c-1")
    assert (fake.verbs(), ran) == (["submit", "wait", "withdraw"], [])


@pytest.mark.parametrize("verb", ["submit", "wait", "start"])
@pytest.mark.parametrize("wrong", ["0" * 64, None])
def test_a_decision_about_other_arguments_halts(
    fake: FakeServer, refund: Any, ran: Any, verb: str, wrong: str | None
) -> None:
    fake.decide = lambda body: hold() if verb == "wait" else allow()
    known = approved() if verb == "wait" else {"status": "executing"} if verb == "start" else {}
    fake.script(verb, turned(request_hash=wrong, **known))
    with pytest.raises(ArgumentsChangedError):
        refund()("c-1")
    assert ran == []


def test_a_server_that_is_down_halts(refund: Any, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FARAMESH_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ServerUnavailableError) as caught:
            refund()("c-1")
    assert (caught.value.code, caught.value.retryable, ran) == ("server_unreachable", True, [])


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1", "ftp://127.0.0.1"])
def test_an_address_that_is_none_halts(refund: Any, ran: Any, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FARAMESH_URL", url)
    with pytest.raises(ServerUnavailableError):
        refund()("c-1")
    assert ran == []


@pytest.mark.parametrize("verb", ["submit", "start"])
def test_a_slow_server_halts(fake: FakeServer, ran: list[Any], verb: str) -> None:
    fake.script(verb, Reply(body={}, after=1.0))
    with Client(timeout=0.1) as client:
        refund = govern(lambda: ran.append(1), agent_id=AGENT, tool="t", client=client)
        with pytest.raises(ServerUnavailableError) as caught:
            refund()
    assert (caught.value.code, ran, fake.verbs().count(verb)) == ("server_timeout", [], 1)


async def test_a_slow_server_halts_asynchronously(fake: FakeServer, ran: list[Any]) -> None:
    fake.script("submit", Reply(body={}, after=1.0))

    async def effect() -> None:
        ran.append(1)

    async with AsyncClient(timeout=0.1) as client:
        with pytest.raises(ServerUnavailableError) as caught:
            await govern(effect, agent_id=AGENT, async_client=client)()
    assert (caught.value.code, ran) == ("server_timeout", [])


def test_a_lost_connection_is_tried_again_under_the_same_key(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("submit", Reply(drop=True), turned())
    assert refund()("c-1") == "refunded 45"
    keys = [one.headers["Idempotency-Key"] for one in fake.seen if one.verb == "submit"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(ran) == 1


def test_two_calls_have_two_keys(fake: FakeServer, refund: Any) -> None:
    governed = refund()
    governed("c-1")
    governed("c-1")
    keys = [one.headers["Idempotency-Key"] for one in fake.seen]
    assert len(set(keys)) == len(keys) == 6


@pytest.mark.parametrize("reply", [Reply(500, {}), Reply(drop=True), Reply(409, {}), Reply(body=b"?"), Reply(401, {})])
def test_a_report_that_fails_changes_nothing(fake: FakeServer, refund: Any, ran: Any, reply: Reply) -> None:
    fake.script("result", reply)
    assert refund()("c-1") == "refunded 45"
    assert ran == [("c-1", 45)]


def test_a_report_is_tried_again(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.script("result", Reply(503, {}), Reply(drop=True), turned(status="succeeded"))
    refund()("c-1")
    assert (fake.verbs().count("result"), len(ran)) == (3, 1)


def test_an_error_of_the_tool_is_reported_and_raised(fake: FakeServer, flavour: str) -> None:
    def fails() -> None:
        raise ValueError("no such customer \ud800")

    async def afails() -> None:
        fails()

    def call() -> None:
        govern(fails, agent_id=AGENT)() if flavour == "sync" else asyncio.run(govern(afails, agent_id=AGENT)())

    with pytest.raises(ValueError, match="no such customer"):
        call()
    assert fake.reports() == [{"success": False, "error": "ValueError: no such customer ?"}]


def test_the_error_of_the_tool_wins_over_a_failing_report(fake: FakeServer) -> None:
    fake.script("result", Reply(500, {}))

    @govern(agent_id=AGENT)
    def fails() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()


def test_results_are_sent_when_asked_for_and_possible(fake: FakeServer) -> None:
    govern(lambda: {"refunded": 45}, agent_id=AGENT, tool="t", report_result=True)()
    govern(object, agent_id=AGENT, tool="t", report_result=True)()
    assert fake.reports() == [{"success": True, "result": {"refunded": 45}}, {"success": True}]


def test_the_tool_gets_the_decided_copy(fake: FakeServer, flavour: str) -> None:
    items, got = [{"sku": "a", "price": 1}], []

    def change(body: JsonObject) -> JsonObject:
        items[0]["price"] = 1_000_000
        return allow()

    fake.decide = change

    def order(items: list[dict[str, Any]]) -> None:
        got.append(items[0]["price"])

    async def aorder(items: list[dict[str, Any]]) -> None:
        order(items)

    if flavour == "sync":
        govern(order, agent_id=AGENT)(items)
    else:
        asyncio.run(govern(aorder, agent_id=AGENT)(items))
    assert got == [1]
    assert fake.seen[0].body["params"] == {"items": [{"sku": "a", "price": 1}]}


class Shared(dict[str, Any]):
    """An argument that cannot be copied apart from its maker's hands."""

    def __deepcopy__(self, memo: Any) -> Shared:
        return self


def test_arguments_that_change_after_the_decision_halt(fake: FakeServer, ran: list[Any]) -> None:
    order = Shared(price=1)
    fake.decide = lambda body: hold()

    def change(action: JsonObject) -> Reply:
        order["price"] = 1_000_000
        return turned(**approved())(action)

    fake.script("wait", change)
    with pytest.raises(ArgumentsChangedError) as caught:
        govern(ran.append, agent_id=AGENT, tool="order")(order)
    assert (caught.value.code, ran) == ("arguments_changed", [])
    assert "start" not in fake.verbs()


def test_arguments_that_change_while_the_policy_is_checked_halt(
    fake: FakeServer, ran: list[Any], tmp_path: pathlib.Path
) -> None:
    policy = tmp_path / "a.yaml"
    policy.write_text("rules: []")
    fake.policies = {"a.yaml": hashlib.sha256(policy.read_bytes()).hexdigest()}
    order = Shared(price=1)

    def change(action: JsonObject) -> Reply:
        order["price"] = 1_000_000
        return Reply(body={"files": [{"name": name, "hash": sha} for name, sha in fake.policies.items()]})

    fake.script("policies", change)
    with pytest.raises(ArgumentsChangedError):
        govern(ran.append, agent_id=AGENT, tool="order", policy=policy)(order)
    assert (ran, fake.verbs()) == ([], ["policies", "submit", "withdraw"])


def test_nobody_is_waited_for_about_other_arguments(fake: FakeServer, refund: Any, ran: Any) -> None:
    fake.decide = lambda body: {**hold(), "request_hash": "0" * 64}
    with pytest.raises(ArgumentsChangedError):
        refund(approval_timeout=0.2)("c-1", 340)
    assert (ran, fake.verbs()) == ([], ["submit", "withdraw"])


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", {1: 2}, object(), threading.Lock()])
def test_arguments_without_a_canonical_form_are_not_sent(fake: FakeServer, refund: Any, ran: Any, value: Any) -> None:
    with pytest.raises(InvalidActionError):
        refund()("c-1", value)
    assert (ran, fake.seen) == ([], [])


def test_wrong_arguments_are_the_callers_mistake(fake: FakeServer) -> None:
    def double(n: int) -> int:
        return 2 * n

    bare: Any = govern(double, agent_id=AGENT)
    with pytest.raises(TypeError):
        bare(1, 2)
    assert fake.seen == []


def test_every_kind_of_parameter_has_a_name(fake: FakeServer) -> None:
    got: list[Any] = []

    @govern(agent_id=AGENT)
    def tool(a: int, /, b: int, *rest: int, c: int = 3, lock: Any = threading.Lock(), **more: int) -> None:  # noqa: B008
        got.append((a, b, rest, c, type(lock).__name__, more))

    tool(1, 2, 9, 8, d=4)
    assert fake.seen[0].body["params"] == {"a": 1, "b": 2, "rest": [9, 8], "c": 3, "d": 4}
    assert got == [(1, 2, (9, 8), 3, "lock", {"d": 4})]


def test_a_name_given_twice_is_refused(fake: FakeServer) -> None:
    def tool(a: int, /, **more: int) -> None:
        raise AssertionError

    with pytest.raises(InvalidActionError, match="given twice"):
        govern(tool, agent_id=AGENT)(1, a=2)


def test_a_method_keeps_its_object_to_itself(fake: FakeServer) -> None:
    class Desk:
        @govern(agent_id=AGENT)
        def refund(self, amount: float) -> tuple[Desk, float]:
            return self, amount

    desk = Desk()
    assert desk.refund(45) == (desk, 45)
    assert fake.seen[0].body["params"] == {"amount": 45}


def test_generators_are_refused() -> None:
    def stream() -> Any:
        yield 1

    async def astream() -> Any:
        yield 1

    for fn in (stream, astream):
        with pytest.raises(TypeError, match="generator"):
            govern(fn, agent_id=AGENT)


@pytest.mark.parametrize("terms", [{"agent_id": ""}, {"agent_id": "a" * 257}, {"approval_timeout": -1}])
def test_bad_terms_are_refused_at_once(terms: dict[str, Any]) -> None:
    with pytest.raises((InvalidActionError, ValueError)):
        govern(lambda: None, **{"agent_id": AGENT, "tool": "t", **terms})


def test_name_signature_and_documentation_stay() -> None:
    def process_refund(customer_id: str, amount: float = 45) -> str:
        """Refund a customer."""
        return ""

    governed = govern(process_refund, agent_id=AGENT)
    assert governed.__name__ == "process_refund"
    assert governed.__doc__ == "Refund a customer."
    assert inspect.signature(governed) == inspect.signature(process_refund)


def test_parallel_threads_get_their_own_answers(fake: FakeServer, ran: list[Any]) -> None:
    """A call that waits for a person keeps no other call waiting."""
    fake.decide = lambda body: hold() if body["params"]["n"] == 0 else halt() if body["params"]["n"] % 2 else allow()
    released = threading.Event()

    def wait(action: JsonObject) -> Reply:
        return turned(**approved())(action) if released.is_set() else turned()(action)

    fake.script("wait", wait)
    answers: dict[int, Any] = {}

    @govern(agent_id=AGENT)
    def tool(n: int) -> int:
        ran.append(n)
        return n

    def call(n: int) -> None:
        try:
            answers[n] = tool(n)
        except ToolDeniedError as error:
            answers[n] = error.code

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join(10)
    assert 0 not in answers
    released.set()
    threads[0].join(10)
    assert answers == {n: n if n % 2 == 0 else "policy_deny" for n in range(8)}
    assert sorted(ran) == [0, 2, 4, 6]


async def test_waiting_for_a_person_leaves_the_event_loop_free(fake: FakeServer) -> None:
    fake.decide = lambda body: hold()
    ticks = 0

    def wait(action: JsonObject) -> Reply:
        reply = turned(**approved())(action) if ticks > 20 else turned()(action)
        return Reply(body=reply.body, after=0.05)

    fake.script("wait", wait)

    @govern(agent_id=AGENT)
    async def tool() -> str:
        return "ran"

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    assert await tool() == "ran"
    ticking.cancel()
    assert ticks > 20


async def test_a_cancelled_wait_never_starts(fake: FakeServer, ran: list[Any]) -> None:
    fake.decide = lambda body: hold()

    @govern(agent_id=AGENT)
    async def tool() -> None:
        ran.append(1)

    task = asyncio.create_task(tool())
    while "wait" not in fake.verbs():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ran, "start" in fake.verbs()) == ([], False)


async def test_a_cancelled_tool_is_reported(fake: FakeServer) -> None:
    begun = asyncio.Event()

    @govern(agent_id=AGENT)
    async def tool() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(tool())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [report["success"] for report in fake.reports()] == [False]
