"""LangGraph: a tool call is one action, however often the graph makes it, and a pause is not a failure."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import ParentCommand
from langgraph.types import Command, interrupt

from conftest import AGENT, FakeServer, JsonObject, Reply, allow, approved, hold, turned
from faramesh import govern
from faramesh._road import interrupted
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool
from scripted import ScriptedModel

RAN: list[Any] = []


@pytest.fixture(autouse=True)
def ran() -> list[Any]:
    RAN.clear()
    return RAN


@pytest.fixture(autouse=True)
def kept_answers(fake: FakeServer) -> None:
    """As the real server does: a known key gets the answer that it got first, and no other action."""
    answers: dict[str, tuple[str, JsonObject]] = {}

    def submit(action: JsonObject) -> Reply:
        key = fake.seen[-1].headers["Idempotency-Key"]
        if key in answers:
            del fake.actions[action["id"]]
            return Reply(body=answers[key][1])
        answers[key] = action["id"], dict(action)
        return Reply(body=dict(action))

    fake.script("submit", submit)


def ask(amount: float) -> str:
    """Ask for an address, and pay."""
    address = interrupt({"q": "address?"})
    RAN.append((amount, address))
    return f"paid {amount:g} to {address}"


def pay(amount: float) -> str:
    """Pay."""
    RAN.append(amount)
    return f"paid {amount:g}"


def started(fake: FakeServer) -> list[str]:
    return [one.path.split("/")[3] for one in fake.seen if one.verb == "start"]


def invoke(agent: Any, question: Any, config: Any, *, synchronous: bool) -> Any:
    return agent.invoke(question, config) if synchronous else asyncio.run(agent.ainvoke(question, config))


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("by_middleware", [True, False])
@pytest.mark.parametrize("is_held", [True, False])
def test_a_tool_that_asks_something_has_one_action_and_no_failure(
    fake: FakeServer, ran: list[Any], synchronous: bool, by_middleware: bool, is_held: bool
) -> None:
    fake.decide = lambda body: hold() if is_held else allow()
    fake.script("wait", turned(**approved()))
    bare = tool("pay")(ask)
    agent = create_agent(
        ScriptedModel(calls=[("pay", {"amount": 340})]),
        [bare if by_middleware else faramesh_tool(bare, agent_id=AGENT)],
        middleware=[FarameshMiddleware(agent_id=AGENT)] if by_middleware else [],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "t-1"}}
    paused = invoke(agent, {"messages": [("user", "please")]}, config, synchronous=synchronous)
    assert paused["__interrupt__"]
    assert (ran, fake.reports()) == ([], [])
    done = invoke(agent, Command(resume="Main St"), config, synchronous=synchronous)
    assert done["messages"][-1].content == "paid 340 to Main St"
    assert ran == [(340, "Main St")]
    assert (len(fake.actions), started(fake), fake.verbs().count("wait")) == (1, ["action-0000"], int(is_held))
    assert fake.reports() == [{"success": True}]


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_tool_that_hands_over_to_another_agent_has_succeeded(fake: FakeServer, synchronous: bool) -> None:
    fake.decide = lambda body: allow()

    def hand_over() -> None:
        raise ParentCommand(Command(goto="other"))

    async def ahand_over() -> None:
        hand_over()

    def call() -> None:
        govern(hand_over, agent_id=AGENT)() if synchronous else asyncio.run(govern(ahand_over, agent_id=AGENT)())

    with pytest.raises(ParentCommand):
        call()
    assert fake.reports() == [{"success": True}]


def test_two_tools_that_ask_have_an_action_each(fake: FakeServer, ran: list[Any]) -> None:
    fake.decide = lambda body: allow()
    agent = create_agent(
        ScriptedModel(calls=[("pay", {"amount": 1}), ("pay", {"amount": 1})]),
        [faramesh_tool(tool("pay")(ask), agent_id=AGENT)],
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "t-2"}}
    question: Any = {"messages": [("user", "please")]}
    paused = agent.invoke(question, config)
    answers: Any = Command(resume={one.id: f"street {n}" for n, one in enumerate(paused["__interrupt__"])})
    agent.invoke(answers, config)
    assert sorted(ran) == [(1, "street 0"), (1, "street 1")]
    assert len(fake.actions) == len(started(fake)) == 2


def test_a_call_that_a_new_process_makes_again_takes_its_approval_up(fake: FakeServer, ran: list[Any]) -> None:
    """The first process was killed while it waited; a person approved meanwhile."""
    fake.decide = lambda body: hold()
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "t-3"}}
    question: Any = {"messages": [("user", "please")]}

    def agent(patience: float | None) -> Any:
        return create_agent(
            ScriptedModel(calls=[("pay", {"amount": 340})]),
            [faramesh_tool(tool(pay), agent_id=AGENT, approval_timeout=patience, on_deny="raise")],
            checkpointer=saver,
        )

    with pytest.raises(Exception, match="waiting for approval"):
        agent(0).invoke(question, config)
    fake.actions["action-0000"].update(approved())
    assert agent(None).invoke(None, config)["messages"][-1].content == "paid 340"
    assert (ran, len(fake.actions)) == ([340], 1)


@pytest.mark.parametrize("status", ["withdrawn", "lapsed"])
def test_what_was_given_up_is_proposed_anew(fake: FakeServer, ran: list[Any], status: str) -> None:
    fake.decide = lambda body: {**allow(), "status": status} if len(fake.actions) == 0 else allow()
    agent = create_agent(
        ScriptedModel(calls=[("pay", {"amount": 1})]),
        [faramesh_tool(tool(pay), agent_id=AGENT)],
        checkpointer=InMemorySaver(),
    )
    question: Any = {"messages": [("user", "please")]}
    agent.invoke(question, {"configurable": {"thread_id": f"t-{status}"}})
    assert (ran, started(fake)) == ([1], ["action-0001"])


@pytest.mark.parametrize("status", ["executing", "succeeded", "failed", "timeout"])
def test_what_was_started_elsewhere_is_not_started_again(fake: FakeServer, ran: list[Any], status: str) -> None:
    fake.script("get", turned(status=status))
    agent = create_agent(
        ScriptedModel(calls=[("pay", {"amount": 1})]),
        [faramesh_tool(tool(pay), agent_id=AGENT)],
        checkpointer=InMemorySaver(),
    )
    question: Any = {"messages": [("user", "please")]}
    answer = agent.invoke(question, {"configurable": {"thread_id": f"t-{status}"}})
    assert "was started before" in answer["messages"][-1].content
    assert (ran, started(fake)) == ([], [])


def test_without_a_thread_every_call_is_one_of_its_own(fake: FakeServer, ran: list[Any]) -> None:
    """A scripted model gives every call the same id."""
    agent = create_agent(ScriptedModel(calls=[("pay", {"amount": 1})]), [faramesh_tool(tool(pay), agent_id=AGENT)])
    question: Any = {"messages": [("user", "please")]}
    agent.invoke(question)
    agent.invoke(question)
    assert (ran, len(fake.actions)) == ([1, 1], 2)


def test_threads_do_not_share_a_call(fake: FakeServer, ran: list[Any]) -> None:
    agent = create_agent(
        ScriptedModel(calls=[("pay", {"amount": 1})]),
        [faramesh_tool(tool(pay), agent_id=AGENT)],
        checkpointer=InMemorySaver(),
    )
    question: Any = {"messages": [("user", "please")]}
    for thread in ("a", "b"):
        agent.invoke(question, {"configurable": {"thread_id": thread}})
    assert (ran, len(fake.actions)) == ([1, 1], 2)


def test_calls_that_are_never_resumed_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faramesh._road.MOST_INTERRUPTED", 3)

    class Made:
        def __init__(self, name: str) -> None:
            self.identity = self.id = name

    made: list[Any] = [Made(f"room-{n}") for n in range(10)]
    for one in made:
        interrupted.remember(one, one)
    left = [interrupted.take(one) for one in made]
    assert [one for one in left if one] == ["room-7", "room-8", "room-9"]


async def test_held_tools_leave_the_loops_own_threads_to_others(fake: FakeServer) -> None:
    """Below `@tool`, a synchronous function runs in a thread of the loop's own pool while it waits."""
    fake.decide = lambda body: hold()
    release = threading.Event()

    def wait(action: JsonObject) -> Reply:
        reply = turned(**approved())(action) if release.is_set() else turned()(action)
        return Reply(body=reply.body, after=0.1)

    fake.script("wait", wait)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
    asyncio.get_running_loop().set_default_executor(pool)
    governed = tool("pay")(faramesh_tool(pay, agent_id=AGENT, tool="pay"))
    calls = [asyncio.create_task(governed.ainvoke({"amount": n})) for n in range(8)]
    while len(fake.actions) < 8:
        await asyncio.sleep(0.02)
    begun = time.monotonic()
    await asyncio.to_thread(lambda: None)
    assert time.monotonic() - begun < 5
    release.set()
    assert await asyncio.gather(*calls) == [f"paid {n}" for n in range(8)]
    assert pool._max_workers == 2
