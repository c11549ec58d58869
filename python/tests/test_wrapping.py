"""A tool that cannot be governed soundly is refused when it is wrapped, and a wrapped tool stays wrapped."""

from __future__ import annotations

import asyncio
import functools
import os
import pathlib
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool

from conftest import AGENT, FakeServer, Reply, halt
from faramesh import AsyncClient, Client, InvalidActionError, ServerUnavailableError, ToolDeniedError, govern
from faramesh.integrations.langchain import FarameshMiddleware, faramesh_tool, wrap_tools
from scripted import ScriptedModel

DENIES = "rules: []\n"
ALLOWS = "rules:\n  - { match: { tool: '*' }, allow: true }\n"
RAN: list[Any] = []


@pytest.fixture(autouse=True)
def ran() -> list[Any]:
    RAN.clear()
    return RAN


def danger(x: int) -> str:
    """Do something dangerous."""
    RAN.append(x)
    return "EFFECT"


async def adanger(x: int) -> str:
    """Do something dangerous."""
    return danger(x)


class TestOneServer:
    """One server decides, on the synchronous and on the asynchronous path alike."""

    @pytest.fixture
    def strict(self, fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> str:
        """The URL of a server that denies; the one that the environment names would be another."""
        fake.decide = lambda body: halt()
        monkeypatch.setenv("FARAMESH_URL", "http://127.0.0.1:1")
        return fake.url

    def test_a_client_is_asked_on_both_paths(self, strict: str, ran: list[Any]) -> None:
        with Client(strict) as client:
            with pytest.raises(ToolDeniedError):
                govern(danger, agent_id=AGENT, client=client)(1)
            with pytest.raises(ToolDeniedError):
                asyncio.run(govern(adanger, agent_id=AGENT, client=client)(1))
            governed = faramesh_tool(tool(danger), agent_id=AGENT, client=client, on_deny="raise")
            with pytest.raises(ToolDeniedError):
                governed.invoke({"x": 1})
            with pytest.raises(ToolDeniedError):
                asyncio.run(governed.ainvoke({"x": 1}))
        assert ran == []

    def test_an_asynchronous_client_is_asked_on_both_paths(self, strict: str, ran: list[Any]) -> None:
        async def use() -> None:
            async with AsyncClient(strict, "fmk_key") as client:
                governed = faramesh_tool(tool(danger), agent_id=AGENT, async_client=client, on_deny="raise")
                with pytest.raises(ToolDeniedError):
                    await governed.ainvoke({"x": 1})
                with pytest.raises(ToolDeniedError):
                    await asyncio.to_thread(governed.invoke, {"x": 1})

        asyncio.run(use())
        assert ran == []

    def test_the_key_of_a_client_is_used_on_both_paths(self, fake: FakeServer) -> None:
        with Client(fake.url, "fmk_given") as client:
            asyncio.run(govern(adanger, agent_id=AGENT, client=client)(1))
        assert {one.headers.get("Authorization") for one in fake.seen} == {"Bearer fmk_given"}

    def test_a_client_that_cannot_be_derived_from_is_refused(self) -> None:
        own = Client("http://strict", transport=httpx.MockTransport(lambda request: httpx.Response(500)))

        class OwnClient(Client):
            """A client with something of its own."""

        govern(danger, agent_id=AGENT, client=own)
        for client in (own, OwnClient("http://strict")):
            with pytest.raises(TypeError, match="give `async_client` too"):
                govern(adanger, agent_id=AGENT, client=client)
            with pytest.raises(TypeError, match="give `async_client` too"):
                faramesh_tool(tool(danger), agent_id=AGENT, client=client)

    def test_two_clients_of_different_servers_are_refused(self) -> None:
        with pytest.raises(ValueError, match="different servers"):
            govern(danger, agent_id=AGENT, client=Client("http://a"), async_client=AsyncClient("http://b"))


class TestPaths:
    """A relative path is resolved once, when the tool is wrapped."""

    @pytest.fixture
    def elsewhere(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
        """A folder with looser files of the same names; the current one has the strict ones."""
        for folder, text in (("here", DENIES), ("there", ALLOWS)):
            (tmp_path / folder / "pol").mkdir(parents=True)
            (tmp_path / folder / "pol" / "p.yaml").write_text(text)
        monkeypatch.chdir(tmp_path / "here")
        return tmp_path / "there"

    @pytest.mark.parametrize("policy", ["pol/p.yaml", "pol"])
    def test_of_a_policy_that_decides_here(self, elsewhere: pathlib.Path, ran: list[Any], policy: str) -> None:
        governed = govern(danger, agent_id=AGENT, policy=policy, server=None)
        (wrapped,) = wrap_tools([danger], agent_id=AGENT, policy=policy, server=None, on_deny="raise")
        os.chdir(elsewhere)
        for call in (lambda: governed(1), lambda: wrapped.invoke({"x": 1})):
            with pytest.raises(ToolDeniedError):
                call()
        assert ran == []

    def test_of_a_policy_that_must_be_in_force(self, fake: FakeServer, elsewhere: pathlib.Path) -> None:
        import hashlib  # noqa: PLC0415 - only here

        fake.policies = {"p.yaml": hashlib.sha256(DENIES.encode()).hexdigest()}
        governed = govern(danger, agent_id=AGENT, policy="pol/p.yaml")
        os.chdir(elsewhere)
        assert governed(1) == "EFFECT"

    def test_of_the_settings(self, fake: FakeServer, elsewhere: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither a later folder nor a later `.env` names another server."""
        monkeypatch.delenv("FARAMESH_URL")
        pathlib.Path(".env").write_text(f"FARAMESH_URL={fake.url}\n")
        governed = govern(danger, agent_id=AGENT)
        pathlib.Path(".env").write_text("FARAMESH_URL=http://127.0.0.1:1\n")
        (elsewhere / ".env").write_text("FARAMESH_URL=http://127.0.0.1:1\n")
        os.chdir(elsewhere)
        assert governed(1) == "EFFECT"
        with pytest.raises(ServerUnavailableError):
            govern(danger, agent_id=AGENT)(1)


class Base(BaseTool):
    """A tool as a class."""

    name: str = "danger"
    description: str = "Do something dangerous."

    def _run(self, x: int) -> str:
        return danger(x)


def overriding(name: str) -> BaseTool:
    """A tool with a way in that leads around the gate."""

    def around(self: Any, *args: Any, **kwargs: Any) -> Any:
        return danger(1)

    made: BaseTool = type("Around", (Base,), {name: around})()
    return made


WAYS = ["run", "arun", "invoke", "ainvoke", "__call__", "batch", "abatch", "stream", "astream", "transform"]


class TestWaysAround:
    """A tool that could run around the gate is refused."""

    @pytest.mark.parametrize("name", WAYS)
    def test_of_its_class(self, name: str) -> None:
        for wrap in (faramesh_tool(agent_id=AGENT), lambda tool: wrap_tools([tool], AGENT)):
            with pytest.raises(TypeError, match=f"has a `{name}` of its own"):
                wrap(overriding(name))

    @pytest.mark.parametrize("name", ["invoke", "_run"])
    def test_of_the_object(self, name: str) -> None:
        made = Base()
        object.__setattr__(made, name, lambda *args, **kwargs: danger(1))
        with pytest.raises(TypeError, match="set on the object"):
            faramesh_tool(made, agent_id=AGENT)

    def test_in_an_agent(self, fake: FakeServer, ran: list[Any]) -> None:
        fake.decide = lambda body: halt()
        model = ScriptedModel(calls=[("danger", {"x": 1})])
        agent = create_agent(model, [overriding("invoke")], middleware=[FarameshMiddleware(agent_id=AGENT)])
        question: Any = {"messages": [("user", "please")]}
        with pytest.raises(TypeError, match="of its own"):
            agent.invoke(question)
        assert ran == []

    @pytest.mark.parametrize("governed", ["func", "coroutine"])
    @pytest.mark.parametrize("synchronous", [True, False])
    def test_one_governed_function_of_two_does_not_govern_the_tool(
        self, fake: FakeServer, ran: list[Any], governed: str, synchronous: bool
    ) -> None:
        fake.decide = lambda body: halt()
        gate = faramesh_tool(agent_id=AGENT, tool="danger")
        both: dict[str, Any] = {"func": danger, "coroutine": adanger}
        both[governed] = gate(both[governed])
        half: Any = StructuredTool.from_function(**both, name="danger")
        agent = create_agent(
            ScriptedModel(calls=[("danger", {"x": 1})]), [half], middleware=[FarameshMiddleware(agent_id=AGENT)]
        )
        question: Any = {"messages": [("user", "please")]}
        if synchronous:
            agent.invoke(question)
        else:
            asyncio.run(agent.ainvoke(question))
        assert (ran, fake.verbs()) == ([], ["submit"])


class TestOtherDecorators:
    """The work of other decorators before a call is never removed."""

    @staticmethod
    def need_login(fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            raise PermissionError

        return wrapper

    def test_between_two_gates(self, fake: FakeServer, ran: list[Any]) -> None:
        logged_in = self.need_login(faramesh_tool(danger, agent_id=AGENT))
        (wrapped,) = wrap_tools([tool(logged_in)], agent_id=AGENT)
        twice: Any = faramesh_tool(logged_in, agent_id=AGENT)
        again: Any = govern(logged_in, agent_id=AGENT)
        calls: list[Callable[[], Any]] = [
            lambda: wrapped.invoke({"x": 1}),
            functools.partial(twice, 1),
            functools.partial(again, 1),
        ]
        for call in calls:
            with pytest.raises(PermissionError):
                call()
        assert ran == []

    def test_a_copied_mark_governs_nothing(self, fake: FakeServer, ran: list[Any]) -> None:
        """A decorator that never calls the governed function below it is not governed by that."""
        fake.decide = lambda body: halt()

        @functools.wraps(faramesh_tool(danger, agent_id=AGENT))
        def around(x: int) -> str:
            return danger(x)

        agent = create_agent(
            ScriptedModel(calls=[("danger", {"x": 1})]), [tool(around)], middleware=[FarameshMiddleware(agent_id=AGENT)]
        )
        question: Any = {"messages": [("user", "please")]}
        agent.invoke(question)
        assert ran == []

    def test_a_gate_right_above_another_takes_its_place(self, fake: FakeServer) -> None:
        faramesh_tool(faramesh_tool(danger, agent_id="first"), agent_id="second")(1)
        assert [one.body["agent_id"] for one in fake.seen if one.verb == "submit"] == ["second"]


def traced(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return wrapper


def generator() -> Iterator[int]:
    """Yield."""
    yield 1


async def agenerator() -> AsyncIterator[int]:
    """Yield."""
    yield 1


def promised(x: int) -> Awaitable[str]:
    """Promise."""
    return adanger(x)


def coroutine(x: int) -> Coroutine[Any, Any, str]:
    """Promise."""
    return adanger(x)


class Yielding:
    """An object whose calls yield."""

    def __call__(self) -> Iterator[int]:
        yield 1


class YieldingTool(Base):
    """A tool that yields."""

    def _run(self, x: int) -> Any:
        yield danger(x)


LATE: list[Any] = [generator, agenerator, promised, coroutine, traced(adanger), traced(generator), Yielding()]


class TestLateEffects:
    """Effects that come after the call cannot be governed by it."""

    @pytest.mark.parametrize("fn", LATE)
    def test_are_refused_in_functions(self, fn: Any) -> None:
        for wrap in (govern, faramesh_tool):
            with pytest.raises(TypeError, match="effects come after"):
                wrap(fn, agent_id=AGENT, tool="t")

    @pytest.mark.parametrize("fn", [generator, promised, coroutine, traced(adanger)])
    def test_are_refused_in_tools(self, fn: Any) -> None:
        with pytest.raises(TypeError, match="effects come after"):
            faramesh_tool(tool(fn), agent_id=AGENT)
        with pytest.raises(TypeError, match="effects come after"):
            wrap_tools([fn], AGENT)

    def test_are_refused_in_classes(self) -> None:
        with pytest.raises(TypeError, match="effects come after"):
            faramesh_tool(YieldingTool(), agent_id=AGENT)

    def test_a_coroutine_function_as_the_synchronous_one_is_refused(self) -> None:
        bare = StructuredTool.from_function(adanger, name="danger", description="Do.")
        with pytest.raises(TypeError, match="give it as `coroutine`"):
            faramesh_tool(bare, agent_id=AGENT)

    def test_that_nothing_told_of_are_stopped(self, fake: FakeServer, ran: list[Any]) -> None:
        for late in (lambda: adanger(1), lambda: (danger(n) for n in (1, 2))):
            with pytest.raises(TypeError, match="come after its call"):
                govern(late, agent_id=AGENT, tool="t")()
        assert ran == []
        assert [report["success"] for report in fake.reports()] == [False, False]


class TestTerms:
    """Faulty options are reported when the tool is wrapped."""

    @pytest.mark.parametrize(
        ("terms", "error"),
        [
            ({"agent_id": None}, InvalidActionError),
            ({"agent_id": 7}, InvalidActionError),
            ({"tool": ""}, InvalidActionError),
            ({"tool": "t" * 257}, InvalidActionError),
            ({"tool": "\U0001f600" * 65}, InvalidActionError),
            ({"operation": "o" * 257}, InvalidActionError),
            ({"approval_timeout": "300"}, TypeError),
            ({"approval_timeout": True}, TypeError),
            ({"approval_timeout": float("nan")}, ValueError),
            ({"on_deny": "result"}, ValueError),
            ({"client": "http://a"}, TypeError),
            ({"policy": {"rules": []}}, TypeError),
            ({"policy": ALLOWS}, ValueError),
            ({"policy": "."}, IsADirectoryError),
            ({"policy": ALLOWS, "server": None}, ValueError),
        ],
    )
    def test_is_refused(self, terms: dict[str, Any], error: type[Exception]) -> None:
        given: dict[str, Any] = {"agent_id": AGENT, "tool": "t", **terms}
        with pytest.raises(error):
            govern(danger, **given)
        with pytest.raises(error):
            faramesh_tool(tool(danger), **given)

    def test_a_long_name_of_a_function_or_a_tool(self) -> None:
        long: Any = types.FunctionType(danger.__code__, {}, "f" * 257)
        with pytest.raises(InvalidActionError):
            govern(long, agent_id=AGENT)
        with pytest.raises(InvalidActionError):
            wrap_tools([StructuredTool.from_function(danger, name="f" * 257)], AGENT)

    @pytest.mark.parametrize("tools", [tool(danger), danger, "danger", {"type": "web_search"}])
    def test_what_is_no_list_of_tools(self, tools: Any) -> None:
        with pytest.raises(TypeError, match="list of tools"):
            wrap_tools(tools, AGENT)

    def test_what_the_provider_runs_cannot_be_governed(self) -> None:
        wrong: Any = [{"type": "web_search"}]
        with pytest.raises(TypeError, match="cannot be governed"):
            wrap_tools(wrong, AGENT)


class Settable(Base):
    """A tool with a setting."""

    base: str = "prod"

    def _run(self, x: int) -> str:
        return f"call {self.base}"


class Delegating(Base):
    """A tool whose asynchronous way leads through the synchronous one."""

    async def _arun(self, x: int) -> str:
        return self._run(x)


def test_a_governed_tool_has_a_state_of_its_own(fake: FakeServer) -> None:
    settable: Any = faramesh_tool(Settable(), agent_id=AGENT)
    settable.base = "staging"
    assert settable.invoke({"x": 1}) == "call staging"
    replaced: Any = faramesh_tool(tool(danger), agent_id=AGENT)
    replaced.func = lambda x: f"new {x}"
    assert replaced.invoke({"x": 1}) == "new 1"
    assert fake.verbs().count("submit") == 2


@pytest.mark.parametrize("make", [Base, Delegating])
def test_a_tool_that_calls_itself_is_decided_once(fake: FakeServer, make: type[BaseTool]) -> None:
    assert asyncio.run(faramesh_tool(make(), agent_id=AGENT).ainvoke({"x": 1})) == "EFFECT"
    assert fake.verbs() == ["submit", "start", "result"]


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_tool_that_is_not_there_did_not_succeed(fake: FakeServer, synchronous: bool) -> None:
    agent = create_agent(
        ScriptedModel(calls=[("invented", {"x": 1})]), [tool(danger)], middleware=[FarameshMiddleware(agent_id=AGENT)]
    )
    question: Any = {"messages": [("user", "please")]}
    if synchronous:
        agent.invoke(question)
    else:
        asyncio.run(agent.ainvoke(question))
    (report,) = fake.reports()
    assert (report["success"], "invented is not a valid tool" in report["error"]) == (False, True)


def test_line_ends_are_named_and_no_path_reaches_the_model(
    fake: FakeServer, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    import hashlib  # noqa: PLC0415 - only here

    policy = tmp_path / "p.yaml"
    policy.write_bytes(b"rules: []\r\n# two\r\n")
    fake.policies = {"p.yaml": hashlib.sha256(b"rules: []\n# two\n").hexdigest()}
    text = govern(danger, agent_id=AGENT, policy=policy, on_deny="return")(1)
    assert "not in force" in text
    assert str(tmp_path) not in text
    assert "differ in the ends of their lines only: the one in force has LF" in caplog.text


def test_a_closed_server_names_itself_and_where_its_address_is_from(fake: FakeServer) -> None:
    fake.script("submit", Reply(401, {"title": "no key"}))
    with pytest.raises(Exception, match=rf"`{fake.url}` \(from the environment\) answered with 401: no key"):
        govern(danger, agent_id=AGENT)(1)


@pytest.mark.parametrize("make", [StructuredTool.from_function, lambda fn: Tool("danger", fn, "Do.")])
def test_the_functions_of_a_governed_tool_are_governed(fake: FakeServer, ran: list[Any], make: Any) -> None:
    """Other frameworks take them out of a tool and call them by themselves."""
    governed = faramesh_tool(make(danger), agent_id=AGENT, on_deny="raise")
    assert governed.invoke({"x": 1}) == governed.func(2) == "EFFECT"
    assert fake.verbs() == ["submit", "start", "result"] * 2
    fake.decide = lambda body: halt()
    with pytest.raises(ToolDeniedError):
        governed.func(3)
    both = faramesh_tool(StructuredTool.from_function(danger, adanger), agent_id=AGENT, on_deny="raise")
    assert both.coroutine is not None
    with pytest.raises(ToolDeniedError):
        asyncio.run(both.coroutine(4))  # type: ignore[arg-type] # a coroutine
    assert ran == [1, 2]
