"""Real LangChain agents with a scripted model: which tools run, the model's view of it, and what does not change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.tools import InjectedState, InjectedToolCallId, ToolRuntime
from langchain_classic.agents import AgentExecutor, create_tool_calling_agent
from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException, tool
from pydantic import BaseModel, Field

from conftest import AGENT, FakeServer, JsonObject, Reply, allow, approved, halt, hold, turned
from faramesh import FarameshError, PolicyMismatchError, ServerUnavailableError, ToolDeniedError
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool, wrap_tools
from scripted import ScriptedModel

RAN: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def ran() -> list[tuple[Any, ...]]:
    RAN.clear()
    return RAN


def by_amount(body: JsonObject) -> JsonObject:
    amount = body["params"].get("amount", 0)
    return allow() if amount <= 150 else hold() if amount <= 1000 else halt()


def refund(customer_id: str, amount: float) -> str:
    """Refund a customer."""
    RAN.append((customer_id, amount))
    return f"refunded {amount}"


async def arefund(customer_id: str, amount: float) -> str:
    """Refund a customer."""
    RAN.append((customer_id, amount))
    return f"refunded {amount}"


class RefundArguments(BaseModel):
    customer_id: str
    amount: float = Field(ge=0)


class RefundTool(BaseTool):
    """A tool as a class."""

    name: str = "process_refund"
    description: str = "Refund a customer."
    args_schema: type[BaseModel] = RefundArguments

    def _run(self, customer_id: str, amount: float, run_manager: Any = None) -> str:
        assert run_manager is not None
        return refund(customer_id, amount)


class AsyncRefundTool(RefundTool):
    """The same with a road of its own for asynchronous agents."""

    async def _arun(self, customer_id: str, amount: float, run_manager: Any = None) -> str:
        assert run_manager is not None
        return await arefund(customer_id, amount)


TERMS: dict[str, Any] = {"agent_id": AGENT, "approval_timeout": 0.2}
MAKERS: dict[str, Callable[[], BaseTool]] = {
    "above @tool": lambda: faramesh_tool(**TERMS)(tool("process_refund")(refund)),
    "below @tool": lambda: tool("process_refund")(faramesh_tool(**TERMS, tool="process_refund")(refund)),
    "above an async @tool": lambda: faramesh_tool(**TERMS)(tool("process_refund")(arefund)),
    "below an async @tool": lambda: tool("process_refund")(faramesh_tool(**TERMS, tool="process_refund")(arefund)),
    "directly": lambda: faramesh_tool(tool("process_refund")(refund), **TERMS),
    "both flavours": lambda: faramesh_tool(**TERMS)(
        StructuredTool.from_function(refund, arefund, name="process_refund")
    ),
    "a class": lambda: faramesh_tool(**TERMS)(RefundTool()),
    "a class with both flavours": lambda: faramesh_tool(**TERMS)(AsyncRefundTool()),
    "wrap_tools": lambda: wrap_tools([tool("process_refund")(refund)], **TERMS)[0],
    "governed twice": lambda: wrap_tools([faramesh_tool(agent_id="else")(tool("process_refund")(refund))], **TERMS)[0],
    "governed twice, below": lambda: wrap_tools(
        [tool("process_refund")(faramesh_tool(agent_id="else")(refund))], **TERMS
    )[0],
}
SYNC = [name for name in MAKERS if "async" not in name]
BELOW = {"below @tool", "below an async @tool"}


def agent_messages(calls: list[JsonObject], *, synchronous: bool, **agent: Any) -> list[BaseMessage]:
    model = ScriptedModel(calls=[("process_refund", call) for call in calls])
    graph = create_agent(model, **agent)
    question: Any = {"messages": [("user", "please refund me")]}
    answer = graph.invoke(question) if synchronous else asyncio.run(graph.ainvoke(question))
    return [message for message in answer["messages"] if isinstance(message, ToolMessage)]


@pytest.fixture(params=["current", "classic"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(governed: BaseTool, call: JsonObject, *, era: str, synchronous: bool) -> str:
    """The model's view of one call, in an agent of either era."""
    if era == "current":
        (message,) = agent_messages([call], synchronous=synchronous, tools=[governed])
        return str(message.content)
    prompt = ChatPromptTemplate.from_messages([("user", "{input}"), ("placeholder", "{agent_scratchpad}")])
    agent = create_tool_calling_agent(ScriptedModel(calls=[("process_refund", call)]), [governed], prompt)
    executor = AgentExecutor(agent=agent, tools=[governed])
    question = {"input": "please refund me"}
    answer = executor.invoke(question) if synchronous else asyncio.run(executor.ainvoke(question))
    return str(answer["output"])


ROADS = [(name, True) for name in SYNC] + [(name, False) for name in MAKERS]


@pytest.mark.parametrize(("name", "synchronous"), ROADS)
def test_an_allowed_call_runs_once(fake: FakeServer, ran: list[Any], era: str, name: str, synchronous: bool) -> None:
    assert (
        told(MAKERS[name](), {"customer_id": "c-1", "amount": 45}, era=era, synchronous=synchronous) == "refunded 45.0"
    )
    assert ran == [("c-1", 45.0)]
    assert fake.verbs() == ["submit", "start", "result"]
    submitted = fake.seen[0].body
    assert (submitted["agent_id"], submitted["tool"]) == (AGENT, "process_refund")
    assert submitted["params"] == {"customer_id": "c-1", "amount": 45.0}


@pytest.mark.parametrize(("name", "synchronous"), ROADS)
def test_a_denied_call_never_runs_and_the_model_is_told(
    fake: FakeServer, ran: list[Any], era: str, name: str, synchronous: bool
) -> None:
    fake.decide = by_amount
    text = told(MAKERS[name](), {"customer_id": "c-1", "amount": 5000}, era=era, synchronous=synchronous)
    assert text.splitlines() == [
        "The tool `process_refund` was not run: policy denies this call.",
        "Code: policy_deny",
        "Rule: small-refunds (support-agent.yaml)",
        "Reason: Refunds above $1000 require finance",
        "Action: action-0000",
        "Do not retry with these arguments. Tell the user why, or go on without this call.",
    ]
    assert (ran, fake.verbs()) == ([], ["submit"])


@pytest.mark.parametrize(("name", "synchronous"), ROADS)
def test_a_held_call_runs_when_it_is_approved(fake: FakeServer, ran: list[Any], name: str, synchronous: bool) -> None:
    fake.decide = by_amount
    fake.script("wait", turned(), turned(**approved()))
    text = told(MAKERS[name](), {"customer_id": "c-1", "amount": 340}, era="current", synchronous=synchronous)
    assert (text, ran) == ("refunded 340.0", [("c-1", 340.0)])


@pytest.mark.parametrize("synchronous", [True, False])
def test_every_way_of_not_running_has_a_text_of_its_own(fake: FakeServer, ran: list[Any], synchronous: bool) -> None:
    fake.decide = lambda body: hold()
    answers: list[Any] = [
        turned(),
        turned(**halt("approval_rejected", "wrong customer")),
        turned(**halt("approval_expired")),
        turned(**approved(), request_hash="0" * 64),
        Reply(503, {"code": "store_failure"}),
    ]
    texts = []
    for answer in answers:
        fake.script("wait", answer)
        call = {"customer_id": "c-1", "amount": 340}
        texts.append(told(MAKERS["above @tool"](), call, era="current", synchronous=synchronous))
    assert ["not reviewed in time and is withdrawn" in text for text in texts] == [True, False, False, False, False]
    assert ["a person reviewed this call and rejected it" in text for text in texts] == [False, True] + [False] * 3
    assert ["expired before a person answered" in text for text in texts] == [False, False, True, False, False]
    assert ["are not the ones that were decided" in text for text in texts] == [False] * 3 + [True, False]
    assert ["could not be decided" in text for text in texts] == [False] * 4 + [True]
    assert "Reason: wrong customer" in texts[1]
    assert all("Do not retry" in text for text in texts)
    assert all(fake.url not in text for text in texts)
    assert ran == []


@pytest.mark.parametrize(("name", "synchronous"), ROADS)
def test_a_denial_is_an_error_message_where_the_call_is_known(fake: FakeServer, name: str, synchronous: bool) -> None:
    fake.decide = by_amount
    (message,) = agent_messages(
        [{"customer_id": "c-1", "amount": 5000}], synchronous=synchronous, tools=[MAKERS[name]()]
    )
    assert isinstance(message, ToolMessage)
    assert (message.tool_call_id, message.name) == ("call-0", "process_refund")
    assert message.status == ("success" if name in BELOW else "error")


@pytest.mark.parametrize("synchronous", [True, False])
def test_parallel_calls_have_their_own_answers(fake: FakeServer, ran: list[Any], synchronous: bool) -> None:
    fake.decide = by_amount
    fake.script("wait", turned(**approved()))
    amounts = [45, 5000, 340, 2000]
    messages = agent_messages(
        [{"customer_id": "c-1", "amount": amount} for amount in amounts],
        synchronous=synchronous,
        tools=[MAKERS["above @tool"]()],
    )
    assert [getattr(message, "status", None) for message in messages] == ["success", "error", "success", "error"]
    assert sorted(amount for _, amount in ran) == [45, 340]


@pytest.mark.parametrize(("name", "synchronous"), ROADS)
def test_a_server_that_is_down_halts(
    ran: list[Any], era: str, name: str, synchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARAMESH_URL", "http://127.0.0.1:1")
    text = told(MAKERS[name](), {"customer_id": "c-1", "amount": 45}, era=era, synchronous=synchronous)
    assert "could not be decided" in text
    assert ran == []


@pytest.mark.parametrize("below", [True, False])
def test_on_deny_raise_raises(fake: FakeServer, ran: list[Any], below: bool) -> None:
    fake.decide = by_amount
    terms: dict[str, Any] = {**TERMS, "on_deny": "raise"}
    governed = tool(faramesh_tool(refund, **terms)) if below else faramesh_tool(tool(refund), **terms)
    with pytest.raises(ToolDeniedError):
        governed.invoke({"customer_id": "c-1", "amount": 5000})
    with pytest.raises(ToolDeniedError):
        asyncio.run(governed.ainvoke({"customer_id": "c-1", "amount": 5000}))
    assert ran == []


@pytest.mark.parametrize("name", SYNC)
def test_a_governed_tool_is_the_tool_to_its_users(name: str) -> None:
    bare: BaseTool = RefundTool() if "class" in name else tool("process_refund")(refund)
    governed = MAKERS[name]()
    assert (governed.name, governed.description) == (bare.name, bare.description)
    assert governed.args == bare.args
    assert isinstance(governed, type(bare))


def test_everything_set_on_a_tool_stays() -> None:
    bare = StructuredTool.from_function(
        refund,
        name="process_refund",
        description="Give money back.",
        args_schema=RefundArguments,
        return_direct=True,
        response_format="content_and_artifact",
        tags=["money"],
        metadata={"team": "support"},
        handle_tool_error="sorry",
    )
    governed = faramesh_tool(bare, **TERMS)
    same = ("name", "description", "args_schema", "return_direct", "response_format", "tags", "metadata")
    assert [getattr(governed, name) for name in same] == [getattr(bare, name) for name in same]
    assert governed.handle_tool_error == "sorry"
    assert governed.tool_call_schema.__name__ == bare.tool_call_schema.__name__  # type: ignore[union-attr] # both models
    assert type(governed).__name__ == "StructuredTool"


def test_arguments_are_decided_as_the_tool_gets_them(fake: FakeServer, ran: list[Any]) -> None:
    """LangChain turns strings into numbers and fills in defaults, and the gate comes after that."""

    @faramesh_tool(**TERMS)
    @tool
    def process_refund(customer_id: str, amount: float = 5000) -> str:
        """Refund a customer."""
        return refund(customer_id, amount)

    process_refund.invoke({"customer_id": "c-1"})
    process_refund.invoke({"customer_id": "c-1", "amount": "45"})
    params = [one.body["params"]["amount"] for one in fake.seen if one.verb == "submit"]
    assert params == [5000, 45.0] == [amount for _, amount in ran]


def test_arguments_that_do_not_fit_are_not_submitted(fake: FakeServer, ran: list[Any]) -> None:
    governed = MAKERS["directly"]()
    (message,) = agent_messages([{"customer_id": "c-1", "amount": "much"}], synchronous=True, tools=[governed])
    assert "amount" in str(message.content)
    assert (fake.seen, ran) == ([], [])


@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("synchronous", [True, False])
def test_injected_arguments_are_no_part_of_the_action(fake: FakeServer, below: bool, synchronous: bool) -> None:
    seen: dict[str, Any] = {}

    def process_refund(
        amount: float,
        state: Annotated[dict[str, Any], InjectedState],
        call_id: Annotated[str, InjectedToolCallId],
        runtime: ToolRuntime[Any, Any],
        config: RunnableConfig,
    ) -> str:
        """Refund a customer."""
        seen.update(state=state, call_id=call_id, runtime=runtime, config=config)
        return f"refunded {amount}"

    govern = faramesh_tool(**TERMS)
    governed: Any = tool(govern(process_refund)) if below else govern(tool(process_refund))
    assert list(governed.args) == ["amount"]
    (message,) = agent_messages([{"amount": 45}], synchronous=synchronous, tools=[governed])
    assert message.content == "refunded 45.0"
    assert fake.seen[0].body["params"] == {"amount": 45.0}
    assert seen["call_id"] == "call-0" == seen["runtime"].tool_call_id
    assert seen["state"]["messages"]
    assert "configurable" in seen["config"]

    fake.decide = lambda body: halt()
    (message,) = agent_messages([{"amount": 45}], synchronous=synchronous, tools=[governed])
    assert isinstance(message, ToolMessage)
    assert message.status == "error"


def test_an_injected_argument_beside_an_unknown_type_stays_out(fake: FakeServer) -> None:
    def process_refund(amount: float, state: Annotated[dict[str, Any], InjectedState], other: Any = None) -> str:
        """Refund a customer."""
        return f"refunded {amount}"

    process_refund.__annotations__["other"] = "Nowhere"
    governed = faramesh_tool(process_refund, **TERMS)
    assert governed(45, {"messages": []}) == "refunded 45"
    assert fake.seen[0].body["params"] == {"amount": 45, "other": None}


@pytest.mark.parametrize("below", [True, False])
def test_content_and_artifact(fake: FakeServer, below: bool) -> None:
    def process_refund(amount: float) -> tuple[str, dict[str, float]]:
        """Refund a customer."""
        return f"refunded {amount}", {"amount": amount}

    make = tool(response_format="content_and_artifact")
    governed = make(faramesh_tool(process_refund, **TERMS)) if below else faramesh_tool(make(process_refund), **TERMS)
    (message,) = agent_messages([{"amount": 45}], synchronous=True, tools=[governed])
    assert isinstance(message, ToolMessage)
    assert (message.content, message.artifact) == ("refunded 45.0", {"amount": 45.0})
    fake.decide = lambda body: halt()
    (message,) = agent_messages([{"amount": 45}], synchronous=True, tools=[governed])
    assert "was not run" in str(message.content)


@pytest.mark.parametrize("synchronous", [True, False])
def test_an_error_of_the_tool_is_handled_as_ever(fake: FakeServer, synchronous: bool) -> None:
    def process_refund(amount: float) -> str:
        """Refund a customer."""
        raise ToolException("the bank is closed")

    handling = StructuredTool.from_function(process_refund, handle_tool_error=True)
    (message,) = agent_messages([{"amount": 45}], synchronous=synchronous, tools=[faramesh_tool(handling, **TERMS)])
    assert isinstance(message, ToolMessage)
    assert (message.content, message.status) == ("the bank is closed", "error")
    assert fake.reports() == [{"success": False, "error": "ToolException: the bank is closed"}]

    with pytest.raises(ToolException, match="the bank is closed"):
        agent_messages([{"amount": 45}], synchronous=synchronous, tools=[faramesh_tool(tool(process_refund), **TERMS)])


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_tool_of_one_text_is_known_by_the_models_name(fake: FakeServer, synchronous: bool) -> None:
    governed = faramesh_tool(Tool(name="search", func=lambda q: f"found {q}", description="Search."), **TERMS)
    found = governed.invoke("cats") if synchronous else asyncio.run(governed.ainvoke("cats"))
    assert found == "found cats"
    assert fake.seen[0].body["params"] == {"tool_input": "cats"}


def test_a_tool_with_a_json_schema(fake: FakeServer, ran: list[Any]) -> None:
    """As the tools of an MCP server come: a dict for a schema, and a coroutine that takes anything."""

    async def call(**arguments: Any) -> str:
        ran.append(tuple(arguments.items()))
        return "done"

    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "title": "process_refund"}
    bare = StructuredTool(name="process_refund", description="Refund.", args_schema=schema, coroutine=call)
    (message,) = agent_messages([{"amount": 45, "more": [1]}], synchronous=False, tools=[faramesh_tool(bare, **TERMS)])
    assert message.content == "done"
    assert fake.seen[0].body["params"] == {"amount": 45, "more": [1]}
    assert ran == [(("amount", 45), ("more", [1]))]


async def test_many_synchronous_tools_wait_without_a_thread_each(fake: FakeServer) -> None:
    """In an asynchronous agent the waiting is done by the event loop, whatever the tool is."""
    fake.decide = lambda body: hold()
    release = threading.Event()

    def wait(action: JsonObject) -> Reply:
        reply = turned(**approved())(action) if release.is_set() else turned()(action)
        return Reply(body=reply.body, after=0.05)

    fake.script("wait", wait)
    names: set[str] = set()

    @faramesh_tool(agent_id=AGENT, approval_timeout=30)
    @tool
    def process_refund(amount: float) -> str:
        """Refund a customer."""
        names.add(threading.current_thread().name)
        return f"refunded {amount}"

    before = threading.active_count()
    calls = [asyncio.create_task(process_refund.ainvoke({"amount": n})) for n in range(20)]
    while fake.verbs().count("wait") < 20:
        await asyncio.sleep(0.01)
    ours = [thread.name for thread in threading.enumerate() if "asyncio" in thread.name]
    assert ours == []
    assert before > 0
    release.set()
    assert await asyncio.gather(*calls) == [f"refunded {float(n)}" for n in range(20)]
    assert threading.main_thread().name not in names


@pytest.mark.parametrize("synchronous", [True, False])
def test_the_middleware_governs_every_tool(fake: FakeServer, ran: list[Any], synchronous: bool) -> None:
    fake.decide = by_amount
    fake.script("wait", turned(**approved()))
    messages = agent_messages(
        [{"customer_id": "c-1", "amount": amount} for amount in (45, 340, 5000)],
        synchronous=synchronous,
        tools=[tool("process_refund")(refund)],
        middleware=[FarameshMiddleware(**TERMS)],
    )
    assert [getattr(message, "status", None) for message in messages] == ["success", "success", "error"]
    assert sorted(ran) == [("c-1", 45.0), ("c-1", 340.0)]


@pytest.mark.parametrize("synchronous", [True, False])
def test_the_middleware_leaves_governed_tools_alone(fake: FakeServer, ran: list[Any], synchronous: bool) -> None:
    agent_messages(
        [{"customer_id": "c-1", "amount": 45}],
        synchronous=synchronous,
        tools=[MAKERS["above @tool"]()],
        middleware=[FarameshMiddleware(agent_id="else")],
    )
    assert (fake.verbs(), fake.seen[0].body["agent_id"]) == (["submit", "start", "result"], AGENT)
    assert len(ran) == 1


@pytest.mark.parametrize("synchronous", [True, False])
def test_the_middleware_decides_calls_of_tools_that_are_not_there(
    fake: FakeServer, ran: list[Any], synchronous: bool
) -> None:
    fake.decide = lambda body: halt("default_deny", "no rule permits it")
    (message,) = agent_messages(
        [{"amount": 45}],
        synchronous=synchronous,
        tools=[tool("other")(refund)],
        middleware=[FarameshMiddleware(**TERMS)],
    )
    assert isinstance(message, ToolMessage)
    assert (message.status, "default_deny" in str(message.content)) == ("error", True)
    assert (fake.verbs(), fake.seen[0].body["tool"], ran) == (["submit"], "process_refund", [])


def test_a_policy_that_is_not_in_force_halts_and_says_so(
    fake: FakeServer, ran: list[Any], tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    policy = tmp_path / "support-agent.yaml"
    policy.write_text("rules: []")
    (governed,) = wrap_tools([refund], agent_id=AGENT, policy=str(policy))
    text = governed.invoke({"customer_id": "c-1", "amount": 45})
    assert "the policy that this tool relies on is not in force" in text
    assert "policy_mismatch" in text
    assert "no policy `support-agent.yaml` in force" in caplog.text
    (raising,) = wrap_tools([refund], agent_id=AGENT, policy=str(policy), on_deny="raise")
    with pytest.raises(PolicyMismatchError):
        raising.invoke({"customer_id": "c-1", "amount": 45})
    assert ran == []


def test_the_gates_errors_do_not_pass_for_the_tools_own(fake: FakeServer) -> None:
    """`handle_tool_error` is about the tool: an error of the gate that is to be raised is raised."""
    fake.script("submit", Reply(500, {}))
    handling = StructuredTool.from_function(refund, name="process_refund", handle_tool_error="all is well")
    governed = faramesh_tool(handling, **TERMS, on_deny="raise")
    with pytest.raises(ServerUnavailableError):
        governed.invoke({"customer_id": "c-1", "amount": 45})


def test_a_refused_call_inside_a_tool_is_an_error_of_that_tool(fake: FakeServer) -> None:
    fake.decide = lambda body: halt() if body["tool"] == "inner" else allow()
    inner = faramesh_tool(refund, **TERMS, tool="inner", on_deny="raise")

    @faramesh_tool(**TERMS)
    @tool
    def outer() -> str:
        """Call the other."""
        return inner("c-1", 45)

    with pytest.raises(FarameshError):
        outer.invoke({})
    assert [report["success"] for report in fake.reports()] == [False]


@pytest.mark.parametrize("terms", [{"agent_id": ""}, {"agent_id": "a", "on_deny": "allow"}])
def test_bad_terms_are_refused_at_once(terms: dict[str, Any]) -> None:
    with pytest.raises((FarameshError, ValueError)):
        faramesh_tool(**terms)


def test_what_is_no_tool_is_refused() -> None:
    bare: Any = faramesh_tool
    with pytest.raises(TypeError):
        bare(refund)
    with pytest.raises(TypeError, match="neither a tool nor a function"):
        bare("process_refund", agent_id=AGENT)
