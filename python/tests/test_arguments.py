"""A tool gets exactly the decided arguments: nothing is hidden because of its name, and nothing is invented."""

from __future__ import annotations

import asyncio
import dataclasses
import decimal
import functools
import math
import sys
import threading
import types
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, tool
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel

from conftest import AGENT, FakeServer, JsonObject, allow, halt
from faramesh import InvalidActionError, ToolDeniedError, govern
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool, wrap_tools
from scripted import ScriptedModel


def no_evil(body: JsonObject) -> JsonObject:
    return halt() if "evil" in str(body["params"]) else allow()


def governed(fn: Any) -> Any:
    """A function of which no type is known, behind the gate."""
    return govern(fn, agent_id=AGENT)


def params(fake: FakeServer) -> list[JsonObject]:
    return [one.body["params"] for one in fake.seen if one.verb == "submit"]


NAMES = ["callbacks", "run_manager", "config", "state", "runtime", "store", "ctx", "context", "cls", "tool_call_id"]


class TestNames:
    """A model cannot hide an argument from the policy by its name."""

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("synchronous", [True, False])
    def test_an_argument_of_a_tool_with_a_json_schema_is_seen_or_does_not_arrive(
        self, fake: FakeServer, name: str, synchronous: bool
    ) -> None:
        """As the tools of MCP servers come: a dict for a schema, and a function that takes anything."""
        fake.decide = no_evil
        arrived: list[JsonObject] = []

        def schedule(**arguments: Any) -> str:
            arrived.append(arguments)
            return "done"

        async def aschedule(**arguments: Any) -> str:
            return schedule(**arguments)

        schema = {"type": "object", "properties": {"url": {"type": "string"}}, "title": "schedule"}
        bare = StructuredTool(
            name="schedule", description="Schedule.", args_schema=schema, func=schedule, coroutine=aschedule
        )
        (governed,) = wrap_tools([bare], agent_id=AGENT)
        call = {"url": "https://ok", name: ["https://evil.example"]}
        if synchronous:
            governed.invoke(call)
        else:
            asyncio.run(governed.ainvoke(call))
        assert all("evil" not in str(arguments) for arguments in arrived)

    @pytest.mark.parametrize("name", [name for name in NAMES if name not in ("run_manager", "config")])
    def test_an_argument_that_arrives_was_decided(self, fake: FakeServer, name: str) -> None:
        arrived: list[JsonObject] = []

        def schedule(**arguments: Any) -> str:
            arrived.append(arguments)
            return "done"

        schema = {"type": "object", "properties": {}, "title": "schedule"}
        bare = StructuredTool(name="schedule", description="Schedule.", args_schema=schema, func=schedule)
        wrap_tools([bare], agent_id=AGENT)[0].invoke({name: "x"})
        assert (params(fake), arrived) == ([{name: "x"}], [{name: "x"}])

    @pytest.mark.parametrize("name", NAMES)
    def test_an_argument_of_an_agents_tool_is_seen_by_the_middleware(self, fake: FakeServer, name: str) -> None:
        from langchain.agents import create_agent  # noqa: PLC0415 - only here

        fake.decide = no_evil
        arrived: list[JsonObject] = []

        def schedule(**arguments: Any) -> str:
            arrived.append(arguments)
            return "done"

        schema = {"type": "object", "properties": {}, "title": "schedule"}
        bare = StructuredTool(name="schedule", description="Schedule.", args_schema=schema, func=schedule)
        model = ScriptedModel(calls=[("schedule", {name: "evil"})])
        agent = create_agent(model, [bare], middleware=[FarameshMiddleware(agent_id=AGENT)])
        question: Any = {"messages": [("user", "please")]}
        agent.invoke(question)
        assert all("evil" not in str(arguments) for arguments in arrived)

    @pytest.mark.parametrize("name", ["self", "cls"])
    def test_a_parameter_named_like_an_object_is_one_of_the_action(self, fake: FakeServer, name: str) -> None:
        fake.decide = no_evil
        names: dict[str, Any] = {}
        exec(f"def enroll({name}, student): return {name}", names)
        with pytest.raises(ToolDeniedError):
            governed(names["enroll"])("evil", "bob")
        assert params(fake) == [{name: "evil", "student": "bob"}]

    def test_a_static_method_has_no_object(self, fake: FakeServer) -> None:
        fake.decide = no_evil

        class Desk:
            @staticmethod
            @govern(agent_id=AGENT)
            def enroll(cls: str, student: str) -> str:  # noqa: PLW0211 - under test
                return cls + student

            @govern(agent_id=AGENT)
            @staticmethod
            def enroll_above(self: str) -> str:  # noqa: PLW0211 - under test
                return self

        with pytest.raises(ToolDeniedError):
            Desk.enroll("evil", "bob")
        assert (Desk().enroll("a", "b"), Desk().enroll_above("x")) == ("ab", "x")
        assert params(fake)[1:] == [{"cls": "a", "student": "b"}, {"self": "x"}]

    def test_a_real_object_or_class_is_left_out(self, fake: FakeServer) -> None:
        class Desk:
            @govern(agent_id=AGENT)
            def refund(self, amount: float) -> Any:
                return self, amount

            @classmethod
            @govern(agent_id=AGENT)
            def open(cls, name: str) -> Any:
                return cls, name

            @govern(agent_id=AGENT)
            @classmethod
            def open_above(cls, name: str) -> Any:
                return cls, name

        class Annex(Desk):
            pass

        desk = Annex()
        assert desk.refund(45) == (desk, 45)
        assert Annex.open("a") == (Annex, "a")
        assert Desk.open_above("b") == (Desk, "b")
        assert params(fake) == [{"amount": 45}, {"name": "a"}, {"name": "b"}]


def test_what_langchain_fills_in_is_left_out(fake: FakeServer) -> None:
    got: list[Any] = []

    def search(query: str, callbacks: Any = None) -> str:
        """Search."""
        got.append(callbacks)
        return query

    governed = faramesh_tool(StructuredTool.from_function(search), agent_id=AGENT)
    assert governed.invoke({"query": "q", "callbacks": ["evil"]}) == "q"
    assert asyncio.run(governed.ainvoke({"query": "q"})) == "q"
    assert params(fake) == [{"query": "q"}, {"query": "q"}]
    assert all(type(one).__name__ == "CallbackManager" for one in got)


def test_a_default_of_an_injected_argument_is_left_out_and_a_value_is_seen(fake: FakeServer) -> None:
    """As in the tools that langchain-mcp-adapters makes."""

    async def call(runtime: Annotated[object | None, InjectedToolArg()] = None, **arguments: Any) -> str:
        return str(runtime)

    schema = {"type": "object", "properties": {"url": {"type": "string"}}, "title": "schedule"}
    bare = StructuredTool(name="schedule", description="Schedule.", args_schema=schema, coroutine=call)
    governed = faramesh_tool(bare, agent_id=AGENT)
    assert asyncio.run(governed.ainvoke({"url": "u"})) == "None"
    assert asyncio.run(governed.ainvoke({"url": "u", "runtime": "evil"})) == "evil"
    assert params(fake) == [{"url": "u"}, {"url": "u", "runtime": "evil"}]


def test_a_forged_injected_argument_is_seen_where_nothing_injects(fake: FakeServer) -> None:
    """In a classic agent LangGraph fills nothing in, so that the model can name the parameter."""
    from langchain_classic.agents import AgentExecutor, create_tool_calling_agent  # noqa: PLC0415 - only here

    fake.decide = no_evil
    ran: list[Any] = []

    def process_refund(amount: float, state: Annotated[dict[str, Any], InjectedState]) -> str:
        """Refund a customer."""
        ran.append(state)
        return "refunded"

    for governed in (
        faramesh_tool(tool(process_refund), agent_id=AGENT),
        tool(faramesh_tool(process_refund, agent_id=AGENT)),
    ):
        prompt = ChatPromptTemplate.from_messages([("user", "{input}"), ("placeholder", "{agent_scratchpad}")])
        model: BaseChatModel = ScriptedModel(calls=[("process_refund", {"amount": 1, "state": {"to": "evil"}})])
        executor = AgentExecutor(agent=create_tool_calling_agent(model, [governed], prompt), tools=[governed])
        executor.invoke({"input": "please"})
    assert ran == []


CONTEXTS = [
    ("agents.run_context", "RunContextWrapper"),
    ("agents.tool_context", "ToolContext"),
    ("pydantic_ai._run_context", "RunContext"),
    ("mcp.server.fastmcp.server", "Context"),
    ("mcp.server.mcpserver.context", "Context"),
    ("fastmcp.server.context", "Context"),
    ("langgraph.runtime", "Runtime"),
    ("google.adk.tools.tool_context", "ToolContext"),
    ("workflows.context.context", "Context"),
]


def made(module: str, name: str) -> Any:
    """An object like that of a framework: data by its form, and full of secrets."""

    @dataclasses.dataclass
    class Made:
        context: dict[str, Any]

    Made.__name__, Made.__module__ = name, module
    return Made({"stripe_key": "sk_live_SECRET", "done": []})


@pytest.mark.parametrize(("module", "name"), CONTEXTS)
@pytest.mark.parametrize("parameter", ["ctx", "amount_context"])
def test_a_frameworks_context_is_passed_on_and_not_recorded(
    fake: FakeServer, module: str, name: str, parameter: str
) -> None:
    names: dict[str, Any] = {}
    exec(f"def refund({parameter}, amount): {parameter}.context['done'].append(amount); return amount", names)
    context = made(module, name)
    assert governed(names["refund"])(context, 45) == 45
    assert context.context["done"] == [45], "the tool gets the framework's object itself"
    assert params(fake) == [{"amount": 45}]
    assert "SECRET" not in str(fake.seen)


def test_a_model_cannot_make_a_context(fake: FakeServer) -> None:
    fake.decide = no_evil

    def refund(ctx: Any, amount: float) -> float:
        return amount

    with pytest.raises(ToolDeniedError):
        govern(refund, agent_id=AGENT)({"to": "evil"}, 45)


@pytest.mark.parametrize("value", [b"bytes", threading.Lock(), object(), types.SimpleNamespace(a=1), sys, len])
def test_what_is_no_data_is_refused_with_a_hint(fake: FakeServer, refund: Any, ran: Any, value: Any) -> None:
    with pytest.raises(InvalidActionError, match=r'exclude=\{"customer_id"\}') as caught:
        refund()(value, 340)
    assert (ran, fake.seen) == ([], [])
    assert "exclude" not in caught.value.message


class TestExclude:
    """`exclude=` names parameters that are not part of the action."""

    def test_the_excluded_is_passed_on_as_it_is(self, fake: FakeServer) -> None:
        session = threading.Lock()
        got: list[Any] = []

        @govern(agent_id=AGENT, exclude={"session"})
        def refund(session: Any, amount: float) -> None:
            got.append((session, amount))

        refund(session, 45)
        assert (got, params(fake)) == ([(session, 45)], [{"amount": 45}])

    def test_a_name_that_is_no_parameter_is_refused(self) -> None:
        def refund(amount: float, **more: Any) -> None: ...

        for names in ({"amuont"}, {"more"}, "amount"):
            with pytest.raises(TypeError, match="exclude"):
                govern(refund, agent_id=AGENT, exclude=names)

    def test_an_extra_argument_is_not_excluded_by_the_name_of_a_parameter(self, fake: FakeServer) -> None:
        """`def f(session, /, **extra)` takes a `session` in `extra` too."""
        fake.decide = no_evil

        @govern(agent_id=AGENT, exclude={"session"})
        def refund(session: object, /, **extra: str) -> object:
            return session, extra

        with pytest.raises(ToolDeniedError):
            refund(object(), session="evil")
        assert params(fake) == [{"session": "evil"}]

    def test_what_the_model_fills_in_cannot_be_excluded(self) -> None:
        @tool
        def refund(customer_id: str, amount: float) -> str:
            """Refund a customer."""
            return ""

        with pytest.raises(TypeError, match="no policy would see it"):
            faramesh_tool(refund, agent_id=AGENT, exclude={"amount"})


class TestExcludeForMany:
    """`exclude=` of `wrap_tools` and the middleware: each tool leaves out those of the names that it has."""

    @pytest.fixture
    def tools(self) -> list[BaseTool]:
        class Arguments(BaseModel):
            amount: float

        def refund(amount: float, region: str = "eu") -> str:
            """Refund a customer."""
            return region

        def send(amount: float, **more: str) -> str:
            """Send money."""
            return ""

        make = StructuredTool.from_function
        return [make(refund, args_schema=Arguments), make(send, args_schema=Arguments)]

    def test_each_tool_leaves_out_the_names_that_it_has(self, fake: FakeServer, tools: list[BaseTool]) -> None:
        first, second = wrap_tools(tools, agent_id=AGENT, exclude={"region"})
        assert (first.invoke({"amount": 45}), second.invoke({"amount": 45})) == ("eu", "")
        (plain, _) = wrap_tools(tools, agent_id=AGENT)
        plain.invoke({"amount": 45})
        assert params(fake) == [{"amount": 45}, {"amount": 45}, {"amount": 45, "region": "eu"}]

    def test_the_middleware_does_the_same(self, fake: FakeServer, tools: list[BaseTool]) -> None:
        middleware = FarameshMiddleware(agent_id=AGENT, exclude={"region"})
        model = ScriptedModel(calls=[("refund", {"amount": 45}), ("send", {"amount": 45})])
        question: Any = {"messages": [("user", "please")]}
        create_agent(model, tools=tools, middleware=[middleware]).invoke(question)
        assert params(fake) == [{"amount": 45}, {"amount": 45}]

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ({"region", "amuont"}, "`amuont`, which is a parameter of none of the tools"),
            ({"more"}, "`more`, which is a parameter of none of the tools"),
            ({"amount"}, "`amount`, which the model fills in: no policy would see it"),
            ("region", "is a set of names"),
        ],
    )
    def test_names_that_would_mislead_are_refused(self, tools: list[BaseTool], names: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            wrap_tools(tools, agent_id=AGENT, exclude=names)

    def test_a_middleware_never_runs_a_call_without_what_the_model_said(
        self, fake: FakeServer, tools: list[BaseTool]
    ) -> None:
        with pytest.raises(TypeError, match="is a set of names"):
            FarameshMiddleware(agent_id=AGENT, exclude="amount")
        middleware = FarameshMiddleware(agent_id=AGENT, exclude={"amount"})
        model = ScriptedModel(calls=[("refund", {"amount": 45})])
        question: Any = {"messages": [("user", "please")]}
        with pytest.raises(TypeError, match="no policy would see it"):
            create_agent(model, tools=tools, middleware=[middleware]).invoke(question)
        assert fake.verbs() == []


class TestParams:
    """`params=` computes the decided parameters from the arguments."""

    def test_what_it_makes_is_decided_and_the_arguments_arrive(self, fake: FakeServer, flavour: str) -> None:
        got: list[Any] = []

        def upload(content: bytes, name: str = "x") -> None:
            got.append((content, name))

        async def aupload(content: bytes, name: str = "x") -> None:
            upload(content, name)

        terms: dict[str, Any] = {
            "agent_id": AGENT,
            "tool": "upload",
            "params": lambda content, name: {"size": len(content), "name": name},
        }
        if flavour == "sync":
            upload_governed: Any = govern(upload, **terms)
            upload_governed(b"abc")
        else:
            upload_governed = govern(aupload, **terms)
            asyncio.run(upload_governed(b"abc"))
        assert params(fake) == [{"size": 3, "name": "x"}]
        assert got == [(b"abc", "x")]

    def test_the_arguments_are_the_ones_of_then(self, fake: FakeServer) -> None:
        order = {"amount": 45}
        got: list[Any] = []

        def change(body: JsonObject) -> JsonObject:
            order["amount"] = 5000
            return allow()

        fake.decide = change
        govern(got.append, agent_id=AGENT, tool="t", params=lambda order: {"amount": order["amount"]})(order)
        assert got == [{"amount": 45}]

    def test_what_is_no_mapping_is_refused(self, fake: FakeServer) -> None:
        bad: Any = lambda amount: [amount]  # noqa: E731 - a test's data
        with pytest.raises(InvalidActionError, match="mapping"):
            govern(lambda amount: amount, agent_id=AGENT, tool="t", params=bad)(1)


class TestPartials:
    """The arguments of a `functools.partial` reach the tool, so they are decided."""

    @pytest.mark.parametrize(
        "held",
        [
            lambda fn: functools.partial(fn, "evil"),
            lambda fn: functools.partial(fn, to="evil"),
            lambda fn: functools.partial(functools.partial(fn, "evil"), amount=1),
        ],
    )
    def test_what_it_holds_is_decided(self, fake: FakeServer, held: Callable[[Any], Any]) -> None:
        fake.decide = no_evil

        def transfer(to: str, amount: float = 5) -> str:
            raise AssertionError

        with pytest.raises(ToolDeniedError):
            governed(held(transfer))()
        assert (fake.seen[0].body["tool"], params(fake)[0]["to"]) == ("transfer", "evil")

    def test_a_held_object_is_a_part_of_the_program(self, fake: FakeServer) -> None:
        session = threading.Lock()

        def transfer(session: Any, to: str, *, amount: float = 5) -> Any:
            return session, to, amount

        assert governed(functools.partial(transfer, session))("bob", amount=6) == (session, "bob", 6)
        assert params(fake) == [{"to": "bob", "amount": 6}]

    def test_of_a_coroutine_function(self, fake: FakeServer) -> None:
        async def transfer(to: str, amount: float) -> str:
            return f"{amount} to {to}"

        assert asyncio.run(governed(functools.partial(transfer, "bob"))(5)) == "5 to bob"
        assert params(fake) == [{"to": "bob", "amount": 5}]

    def test_in_a_tool_of_langchain(self, fake: FakeServer) -> None:
        fake.decide = no_evil

        def transfer(to: str, amount: float) -> str:
            return f"{amount} to {to}"

        schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "title": "transfer"}

        def governed(to: str) -> BaseTool:
            fn = functools.partial(transfer, to)
            bare = StructuredTool(name="transfer", description="Transfer.", args_schema=schema, func=fn)
            return faramesh_tool(bare, agent_id=AGENT, on_deny="raise")

        assert governed("bob").invoke({"amount": 5}) == "5 to bob"
        with pytest.raises(ToolDeniedError):
            governed("evil").invoke({"amount": 5})
        assert params(fake) == [{"to": "bob", "amount": 5}, {"to": "evil", "amount": 5}]


@pytest.mark.parametrize("default", [math.inf, math.nan, 2**53, b"x", "\ud800", [object()], decimal.Decimal("sNaN")])
def test_a_default_that_no_policy_could_see_is_refused(default: Any) -> None:
    def refund(customer_id: str, limit: Any = default) -> None: ...

    with pytest.raises(TypeError, match="default"):
        govern(refund, agent_id=AGENT)


@pytest.mark.parametrize(
    "value", [1e300, -1e16, 9007199254740992.0, [{"deep": 1e17}], decimal.Decimal("sNaN"), decimal.Decimal("1e400")]
)
def test_a_number_that_readers_disagree_about_is_refused(fake: FakeServer, refund: Any, ran: Any, value: Any) -> None:
    """As in JavaScript, where every number of this size is refused."""
    with pytest.raises(InvalidActionError):
        refund()("c-1", value)
    assert (ran, fake.seen) == ([], [])


class Refunder:
    """An object that is called like a function."""

    def __call__(self, amount: float) -> float:
        return amount


class AsyncRefunder:
    """The same, to be awaited."""

    async def __call__(self, amount: float) -> float:
        return amount


def test_callable_objects(fake: FakeServer) -> None:
    assert govern(Refunder(), agent_id=AGENT, tool="refund")(45) == 45
    assert asyncio.run(govern(AsyncRefunder(), agent_id=AGENT, tool="refund")(46)) == 46
    assert params(fake) == [{"amount": 45}, {"amount": 46}]
    for nameless in (Refunder(), lambda: None):
        with pytest.raises(TypeError, match="say `tool=`"):
            govern(nameless, agent_id=AGENT)
