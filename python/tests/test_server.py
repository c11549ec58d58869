"""The package against the real server, above all the first day as the tutorial walks it.

Needs the path of the `faramesh` binary in `FARAMESH_BIN`, and fails without it rather than skipping.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_classic.agents import AgentExecutor, create_tool_calling_agent
from langchain_core.messages import ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import BaseTool, tool

from conftest import AGENT
from faramesh import (
    AccessRefusedError,
    Action,
    ActionWithdrawnError,
    AlreadyStartedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    AsyncClient,
    Client,
    InvalidActionError,
    PermitLapsedError,
    PolicyMismatchError,
    RequestRefusedError,
    ToolDeniedError,
    govern,
    request_hash,
)
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool, wrap_tools
from scripted import ScriptedModel

POLICY = """\
version: 1
name: support-agent
agents: ["support-agent-*"]

rules:
  - id: small-refunds
    match: { tool: process_refund, amount_lte: 150 }
    allow: true
    description: Small refunds auto-approved

  - id: mid-refunds
    match: { tool: process_refund, amount_gt: 150, amount_lte: 1000 }
    require_approval: true
    description: Mid-range refunds require manager review

  - id: large-refunds
    match: { tool: process_refund, amount_gt: 1000 }
    deny: true
    reason: Refunds above $1000 require finance team authorization via separate workflow

  - id: emails
    match: { tool: send_email }
    allow: true

risk:
  rules:
    - name: large-financial-action
      when: { tool: process_refund, amount_gt: 500 }
      risk_level: high
"""
FORGETFUL = """\
rules:
  - id: no-refunds-above-50
    match: { tool: process_refund, amount_gt: 50 }
    deny: true
"""
LARGE_REFUND = "Refunds above $1000 require finance team authorization via separate workflow"
PATIENCE = 20.0
"""Seconds after which something that should happen at once is given up, on however busy a machine."""


@dataclass(frozen=True)
class Server:
    """A running server, the folder of its policies, and the key of its owner."""

    url: str
    policy: pathlib.Path
    admin_key: str

    def admin(self) -> Client:
        return Client(self.url, self.admin_key)

    def save(self, text: str) -> None:
        """Save the policy and wait until it is in force."""
        with self.admin() as admin:
            before = admin.policies().policy_hash
            self.policy.write_text(text)
            awaited(lambda: admin.policies().policy_hash != before)

    def held(self) -> Action:
        """The one action that waits for a person."""
        with self.admin() as admin:
            awaited(lambda: admin.list(status="pending_approval").actions)
            (action,) = admin.list(status="pending_approval").actions
            return action


def awaited(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    binary = os.environ.get("FARAMESH_BIN")
    if not binary:
        pytest.fail("FARAMESH_BIN is not set: these tests need the path of the `faramesh` binary")
    policies = tmp_path / "policies"
    policies.mkdir()
    policy = policies / "support-agent.yaml"
    policy.write_text(POLICY)
    database = tmp_path / "data" / "faramesh.db"
    database.parent.mkdir()
    command = [binary, "server", "start", "--port", "0", "--db", str(database), "--policies", str(policies)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    output = process.stdout

    def read() -> None:
        for line in output:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        url = None
        while url is None:
            found = re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", lines.get(timeout=PATIENCE))
            url = found and found.group()
        monkeypatch.setenv("FARAMESH_URL", url)
        yield Server(url, policy, (database.parent / "admin.key").read_text().strip())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        output.close()


RAN: list[float] = []


@pytest.fixture(autouse=True)
def ran() -> list[float]:
    RAN.clear()
    return RAN


@faramesh_tool(agent_id=AGENT)
@tool
def process_refund(customer_id: str, amount: float) -> str:
    """Refund a customer."""
    RAN.append(amount)
    return f"refunded {amount:g} to {customer_id}"


@tool
@faramesh_tool(agent_id=AGENT)
def send_email(to: str, subject: str, body: str) -> str:
    """Send an e-mail."""
    return f"sent to {to}"


def make_refund(amount: float) -> None:
    RAN.append(amount)


def ask(amount: float, *, tools: list[BaseTool] | None = None, **agent: Any) -> ToolMessage:
    """Run an agent that asks for one refund, and give back what its model is told."""
    model = ScriptedModel(calls=[("process_refund", {"customer_id": "c-1", "amount": amount})])
    question: Any = {"messages": [("user", "please")]}
    answer = create_agent(model, tools=tools or [process_refund, send_email], **agent).invoke(question)
    (told,) = [message for message in answer["messages"] if isinstance(message, ToolMessage)]
    return told


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Start `call` in a thread; what comes back waits for its answer."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(call())
        except Exception as error:  # noqa: BLE001 - handed over to the test
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def answer() -> Any:
        thread.join(PATIENCE)
        assert answers, "no answer"
        return answers[0]

    return answer


def test_the_tutorial_from_minute_4_to_10(server: Server, ran: list[float]) -> None:
    # 7: a refund of 45 is permitted and runs.
    assert ask(45).content == "refunded 45 to c-1"

    # 340 is held, approved by a person, and runs then.
    answer = in_background(lambda: ask(340))
    held = server.held()
    assert (held.outcome, held.params, held.reason_code) == (
        "ABSTAIN",
        {"customer_id": "c-1", "amount": 340},
        "policy_require_approval",
    )
    assert held.rule is not None
    assert held.rule.id == "mid-refunds"
    assert ran == [45]
    with server.admin() as admin:
        approved = admin.approve(held.id, reason="known customer")
        assert (approved.outcome, approved.status, approved.reason_code) == ("EXECUTE", "approved", "approval_granted")
    assert answer().content == "refunded 340 to c-1"
    assert ran == [45, 340]

    # 5000 is denied, and the agent can tell why.
    denied = ask(5000)
    assert denied.status == "error"
    assert LARGE_REFUND in str(denied.content)
    assert "large-refunds (support-agent.yaml)" in str(denied.content)
    assert ran == [45, 340]

    # 8: read the records.
    with server.admin() as admin:
        page = admin.list(agent_id=AGENT)
    recorded = [(action.params["amount"], action.outcome, action.status) for action in reversed(page.actions)]
    assert recorded == [(45, "EXECUTE", "succeeded"), (340, "EXECUTE", "succeeded"), (5000, "HALT", "denied")]
    for action in page.actions:
        assert action.request_hash == request_hash(AGENT, "process_refund", action.params)
        assert action.receipt is not None

    # 9: a policy that forgets the small ones denies them; mended, it works again.
    server.save(FORGETFUL)
    stopped = ask(45)
    assert "Code: default_deny" in str(stopped.content)
    assert ran == [45, 340]
    server.save(POLICY)
    assert ask(45).content == "refunded 45 to c-1"

    # 10: the whole list at once, resting on the file.
    governed = wrap_tools([process_refund, send_email], agent_id=AGENT, policy=server.policy)
    assert ask(45, tools=governed).content == "refunded 45 to c-1"
    assert ask(5000, tools=governed).status == "error"
    email = {"to": "a@example.com", "subject": "s", "body": "b"}
    assert governed[1].invoke(email) == "sent to a@example.com"
    assert ran == [45, 340, 45, 45]


def test_a_policy_that_is_not_the_callers_halts(server: Server, ran: list[float], tmp_path: pathlib.Path) -> None:
    mine = tmp_path / "support-agent.yaml"
    mine.write_text(POLICY + "# mine\n")
    told = ask(45, tools=wrap_tools([process_refund], agent_id=AGENT, policy=mine))
    assert (told.status, "not in force" in str(told.content)) == ("error", True)
    other = tmp_path / "other.yaml"
    other.write_text(POLICY)
    with pytest.raises(PolicyMismatchError, match="no policy"):
        govern(make_refund, agent_id=AGENT, tool="process_refund", policy=other)(45)
    assert ran == []


def test_a_policy_that_is_edited_on_the_way_is_noticed(
    server: Server, ran: list[float], tmp_path: pathlib.Path
) -> None:
    mine = tmp_path / "support-agent.yaml"
    mine.write_text(POLICY)
    governed = wrap_tools([process_refund], agent_id=AGENT, policy=mine)
    assert ask(45, tools=governed).status == "success"
    server.save(POLICY + "# edited\n")
    assert ask(45, tools=governed).status == "error"
    assert ran == [45]


def test_risk_holds_what_a_rule_allows(server: Server) -> None:
    rules = "rules: [{ match: { tool: process_refund, amount_gte: 0 }, allow: true }]\n"
    server.save(rules + POLICY[POLICY.index("risk:") :])
    refund = govern(lambda amount: amount, agent_id=AGENT, tool="process_refund", approval_timeout=0)
    assert refund(45) == 45
    with pytest.raises(ApprovalRequiredError) as caught:
        refund(600)
    assert caught.value.decision is not None
    assert (caught.value.decision.reason_code, caught.value.decision.risk_level) == ("risk_require_approval", "high")


def test_a_person_says_no(server: Server, ran: list[float]) -> None:
    refund = govern(make_refund, agent_id=AGENT, tool="process_refund")
    answer = in_background(lambda: refund(340))
    with server.admin() as admin:
        admin.deny(server.held().id, reason="wrong customer")
    error = answer()
    assert isinstance(error, ApprovalRejectedError)
    assert "wrong customer" in str(error)
    assert ran == []


def test_an_approval_expires(server: Server, ran: list[float]) -> None:
    server.save(POLICY.replace("require_approval: true", "require_approval: { expires: 1s }"))
    refund = govern(make_refund, agent_id=AGENT, tool="process_refund")
    with pytest.raises(ApprovalExpiredError):
        refund(340)
    assert ran == []


def test_who_gives_up_withdraws(server: Server, ran: list[float]) -> None:
    refund: Any = govern(make_refund, agent_id=AGENT, tool="process_refund", approval_timeout=1)
    with pytest.raises(ApprovalRequiredError, match="it is withdrawn") as caught:
        refund(340)
    given_up = caught.value.action_id
    with server.admin() as admin:
        assert admin.get(str(given_up)).status == "withdrawn"
        assert admin.list(status="pending_approval").actions == ()
    with pytest.raises(ActionWithdrawnError):
        refund.resume(given_up)
    assert ran == []


async def test_a_cancelled_call_withdraws(server: Server, ran: list[float]) -> None:
    @govern(agent_id=AGENT)
    async def process_refund(amount: float) -> None:
        ran.append(amount)

    task = asyncio.create_task(process_refund(340))
    held = await asyncio.to_thread(server.held)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with server.admin() as admin:
        assert admin.get(held.id).status == "withdrawn"
    assert ran == []


def test_a_kept_call_is_resumed_once(server: Server, ran: list[float]) -> None:
    refund: Any = govern(make_refund, agent_id=AGENT, tool="process_refund", approval_timeout=0)
    with pytest.raises(ApprovalRequiredError) as caught:
        refund(340)
    kept = str(caught.value.action_id)
    with server.admin() as admin:
        admin.approve(kept)
    refund.resume(kept)
    with pytest.raises(AlreadyStartedError):
        refund.resume(kept)
    assert ran == [340]


def test_what_the_policies_deny_by_now_does_not_start(server: Server, ran: list[float]) -> None:
    refund: Any = govern(make_refund, agent_id=AGENT, tool="process_refund", approval_timeout=0)
    with pytest.raises(ApprovalRequiredError) as caught:
        refund(340)
    kept = str(caught.value.action_id)
    with server.admin() as admin:
        admin.approve(kept)
    server.save(FORGETFUL)
    with pytest.raises(PermitLapsedError) as lapsed:
        refund.resume(kept)
    assert (lapsed.value.code, ran) == ("policy_changed", [])


def test_one_call_id_is_one_action(server: Server, ran: list[float]) -> None:
    refund = govern(make_refund, agent_id=AGENT, tool="process_refund", call_id=lambda amount: "call-1")
    refund(45)
    with pytest.raises(AlreadyStartedError):
        refund(45)
    assert ran == [45]


def test_a_policy_that_denies_by_now_wins_over_an_approval(server: Server, ran: list[float]) -> None:
    refund = govern(make_refund, agent_id=AGENT, tool="process_refund")
    answer = in_background(lambda: refund(340))
    held = server.held()
    server.save(FORGETFUL)
    with server.admin() as admin:
        assert admin.approve(held.id).outcome == "HALT"
    assert isinstance(answer(), ToolDeniedError)
    assert ran == []


async def test_asynchronously_with_answers_of_all_kinds(server: Server, ran: list[float]) -> None:
    @govern(agent_id=AGENT)
    async def process_refund(amount: float) -> float:
        ran.append(amount)
        return amount

    tasks = [asyncio.create_task(process_refund(amount)) for amount in (45, 340, 5000, 46)]
    held = await asyncio.to_thread(server.held)
    async with AsyncClient(server.url, server.admin_key) as admin:
        await admin.approve(held.id)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, ToolDeniedError, int]
    assert sorted(ran) == [45, 46, 340]


def test_a_classic_agent(server: Server, ran: list[float]) -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "{input}"), ("placeholder", "{agent_scratchpad}")])
    model = ScriptedModel(calls=[("process_refund", {"customer_id": "c-1", "amount": n}) for n in (45, 5000)])
    agent = create_tool_calling_agent(model, [process_refund], prompt)
    told = AgentExecutor(agent=agent, tools=[process_refund]).invoke({"input": "please"})["output"]
    assert "refunded 45 to c-1" in told
    assert LARGE_REFUND in told
    assert ran == [45]


def test_the_middleware(server: Server, ran: list[float]) -> None:
    @tool("process_refund")
    def bare(customer_id: str, amount: float) -> str:
        """Refund a customer."""
        ran.append(amount)
        return f"refunded {amount:g}"

    middleware = [FarameshMiddleware(agent_id=AGENT)]
    assert ask(45, tools=[bare], middleware=middleware).content == "refunded 45"
    assert ask(5000, tools=[bare], middleware=middleware).status == "error"
    assert ran == [45]


def test_an_agent_cannot_approve_its_own_action(server: Server, ran: list[float]) -> None:
    refund = govern(make_refund, agent_id=AGENT, tool="process_refund", approval_timeout=0)
    with pytest.raises(ApprovalRequiredError):
        refund(340)
    held = server.held()
    with Client() as agent:
        assert agent.get(held.id).approval_token is None
        with pytest.raises(AccessRefusedError):
            agent.approve(held.id)
        with pytest.raises(RequestRefusedError):
            agent.start(held.id)
        with pytest.raises(RequestRefusedError):
            agent.result(held.id, success=True)


def test_a_permit_is_good_once(server: Server) -> None:
    with Client() as client:
        action = client.submit(AGENT, "process_refund", {"amount": 45})
        assert client.start(action.id).status == "executing"
        with pytest.raises(RequestRefusedError) as caught:
            client.start(action.id)
        assert "409" in str(caught.value)
        assert client.result(action.id, success=True, result={"ok": True}).status == "succeeded"


def test_the_same_key_is_the_same_action(server: Server) -> None:
    with Client() as client:
        first = client.submit(AGENT, "process_refund", {"amount": 45}, idempotency_key="k-1")
        assert client.submit(AGENT, "process_refund", {"amount": 45}, idempotency_key="k-1") == first
        with pytest.raises(RequestRefusedError):
            client.submit(AGENT, "process_refund", {"amount": 46}, idempotency_key="k-1")
    with server.admin() as admin:
        assert len(admin.list().actions) == 1


def test_a_key_that_the_server_does_not_know(server: Server, ran: list[float]) -> None:
    with Client(api_key="fmk_00000000_" + "A" * 43) as client:
        refund = govern(make_refund, agent_id=AGENT, tool="process_refund", client=client)
        with pytest.raises(AccessRefusedError):
            refund(45)
    assert ran == []


def test_the_error_of_a_tool_is_recorded(server: Server) -> None:
    @govern(agent_id=AGENT)
    def process_refund(amount: float) -> None:
        raise ValueError("the bank is closed")

    with pytest.raises(ValueError, match="the bank is closed"):
        process_refund(45)
    with server.admin() as admin:
        (action,) = admin.list().actions
    assert (action.status, action.error) == ("failed", "ValueError: the bank is closed")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"amount": 1e16, "b": -0.0, "c": 1e-7, "d": 5e-324, "e": 1.7976931348623157e308, "f": 333333333.33333329},
        {"a": 2**53 - 1, "b": -(2**53) + 1, "c": 9007199254740993.0, "d": 1e21, "e": 123456789012345680000.0},
        {"\U0001f600": 1, "\ufb33": 2, "é": "e\u0301", "\u2028": '\u007f\u0000\u001f"\\/', "": [{}, [], None, True]},
    ],
)
def test_both_sides_hash_alike(server: Server, params: dict[str, Any]) -> None:
    with Client() as client:
        action = client.submit(AGENT, "any", params, operation="o", context={"tenant": "acme"})
    assert action.request_hash == request_hash(AGENT, "any", params, operation="o", context={"tenant": "acme"})


def test_what_one_side_refuses_the_other_refuses(server: Server) -> None:
    with Client() as client:
        for params in ({"a": 2**53}, {"a": float("nan")}, {"a": "\ud800"}):
            with pytest.raises(InvalidActionError):
                client.submit(AGENT, "any", params)
        for body in (b'{"a":9007199254740992}', b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"a":1,"a":2}'):
            whole = b'{"agent_id":"a","tool":"t","params":' + body + b"}"
            answer = client._http.post("/v1/actions", content=whole, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422
            assert (answer.json()["outcome"], answer.json()["reason_code"]) == ("HALT", "invalid_action")
