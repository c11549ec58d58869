"""The clients verb by verb, the errors, and the types that users see."""

from __future__ import annotations

import copy
import dataclasses
import importlib.metadata
import inspect
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import httpx
import pytest

import faramesh
from conftest import AGENT, FakeServer, halt, hold
from faramesh import Action, AsyncClient, Client, FarameshError, _errors
from faramesh._types import parse_action

ERRORS = [kind for _, kind in inspect.getmembers(faramesh, inspect.isclass) if issubclass(kind, FarameshError)]


def test_every_verb(fake: FakeServer) -> None:
    with Client() as client:
        action = client.submit(AGENT, "process_refund", {"amount": 45}, context={"a": 1}, idempotency_key="k-1")
        assert (action.outcome, action.status, action.params, action.tool) == (
            "EXECUTE",
            "allowed",
            {"amount": 45},
            "process_refund",
        )
        assert client.get(action.id).id == action.id
        assert client.wait(action.id, 0.1).id == action.id
        assert client.approve(action.id, reason="fine").id == action.id
        assert client.deny(action.id, token="t-1").id == action.id
        assert client.start(action.id).status == "executing"
        assert client.result(action.id, success=True, result={"n": 1}).status == "succeeded"
        page = client.list(status="executing", agent_id=AGENT, limit=3, q="a b&c")
        assert (len(page.actions), page.total, page.next_cursor) == (1, 1, "c2")
        fake.policies = {"a.yaml": "1" * 64}
        assert client.policies().files == fake.policies
    assert [(one.verb, one.path, one.body) for one in fake.seen[1:]] == [
        ("get", "/v1/actions/action-0000", {}),
        ("wait", "/v1/actions/action-0000/wait?timeout=1s", {}),
        ("approval", "/v1/actions/action-0000/approval", {"approve": True, "reason": "fine"}),
        ("approval", "/v1/actions/action-0000/approval", {"approve": False, "token": "t-1"}),
        ("start", "/v1/actions/action-0000/start", {}),
        ("result", "/v1/actions/action-0000/result", {"success": True, "result": {"n": 1}}),
        ("list", f"/v1/actions?status=executing&agent_id={AGENT}&q=a+b%26c&limit=3", {}),
        ("policies", "/v1/policies", {}),
    ]
    assert fake.seen[0].headers["Idempotency-Key"] == "k-1"


async def test_every_verb_asynchronously(fake: FakeServer) -> None:
    async with AsyncClient() as client:
        action = await client.submit(AGENT, "process_refund", {"amount": 45})
        answers = [
            await client.get(action.id),
            await client.wait(action.id),
            await client.approve(action.id),
            await client.deny(action.id),
            await client.start(action.id),
            await client.result(action.id, success=False, error="no"),
        ]
        assert {answer.id for answer in answers} == {action.id}
        assert (await client.list()).actions[0].id == action.id
        assert (await client.policies()).files == {}
    assert fake.reports() == [{"success": False, "error": "no"}]


def test_the_two_clients_have_the_same_verbs() -> None:
    def verbs(kind: type) -> dict[str, list[str]]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(fn).parameters) for name, fn in members if not name.startswith("_")}

    sync, asynchronous = verbs(Client), verbs(AsyncClient)
    assert sync.pop("close") == asynchronous.pop("aclose")
    assert sync == asynchronous


def test_an_id_cannot_leave_its_place_in_the_path(fake: FakeServer) -> None:
    with Client() as client, pytest.raises(faramesh.FarameshError):
        client.get("../keys?a")
    assert fake.seen[0].path == "/v1/actions/..%2Fkeys%3Fa"


@pytest.mark.parametrize(
    ("environment", "given", "header"),
    [
        ({}, None, None),
        ({"FARAMESH_TOKEN": "fmk_token"}, None, "Bearer fmk_token"),
        ({"FARAMESH_TOKEN": "fmk_token", "FARAMESH_API_KEY": "fmk_key"}, None, "Bearer fmk_key"),
        ({"FARAMESH_API_KEY": "fmk_key"}, "fmk_given", "Bearer fmk_given"),
    ],
)
def test_the_key(
    fake: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    given: str | None,
    header: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with Client(api_key=given) as client:
        client.submit(AGENT, "t")
        assert "fmk" not in repr(client._settings)
    assert fake.seen[0].headers.get("Authorization") == header


def test_a_server_on_this_machine_is_asked_without_a_proxy(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Client() as client:
        assert client.submit(AGENT, "t").outcome == "EXECUTE"


def test_the_default_address() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(404)

    with Client(transport=httpx.MockTransport(answer)) as client, pytest.raises(FarameshError):
        client.get("12345678")
    assert asked == ["http://127.0.0.1:8000/v1/actions/12345678"]


def example() -> dict[str, Any]:
    return {"id": "a", "agent_id": AGENT, "tool": "t", "request_hash": "0" * 64, **hold()}


def test_unknown_words_are_read_strictly() -> None:
    known = parse_action(example())
    assert (known.outcome, known.decision, known.status) == ("ABSTAIN", "require_approval", "pending_approval")
    odd = parse_action({**example(), "outcome": "allow", "decision": "ok", "status": "ran", "risk_level": "tiny"})
    assert (odd.outcome, odd.decision, odd.status, odd.risk_level) == ("HALT", "deny", "unknown", "critical")
    assert odd.reason_code == "unknown_outcome"


@pytest.mark.parametrize("outcome", ["execute", "Execute", " EXECUTE", "EXECUTE\n", ""])
def test_only_the_very_word_executes(outcome: str) -> None:
    assert parse_action({**example(), "outcome": outcome}).outcome == "HALT"


def test_keys_from_a_newer_server_are_passed_over() -> None:
    assert parse_action({**example(), "permit": {"kind": "new"}, "x": [1]}) == parse_action(example())


def test_answers_are_frozen_and_keep_the_token_to_themselves() -> None:
    action = parse_action({**example(), "approval_token": "secret"})
    assert "secret" not in repr(action)
    with pytest.raises(dataclasses.FrozenInstanceError):
        action.outcome = "EXECUTE"  # type: ignore[misc] # the test is that it is frozen


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_survive_pickling_and_copying(kind: type[FarameshError]) -> None:
    action: Action = parse_action({**example(), **halt()})
    error = kind("no", code="default_deny", action=action)
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(twin) is kind
        assert (str(twin), twin.code, twin.action, twin.decision) == ("no", "default_deny", action, action)
    assert kind("no").code == kind.default_code


def test_the_picture_of_the_errors_is_the_tree() -> None:
    picture = _errors.__doc__ or ""
    drawn = {word for word in picture.split() if word.endswith("Error")}
    assert drawn == {kind.__name__ for kind in ERRORS}


def test_what_is_exported_is_there() -> None:
    assert all(hasattr(faramesh, name) for name in faramesh.__all__)
    assert sorted(faramesh.__all__) == faramesh.__all__


def test_the_package_needs_no_framework() -> None:
    code = "import sys, faramesh; print([name for name in sys.modules if name.startswith(('lang', 'pydantic'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_is_marked_as_typed() -> None:
    assert (pathlib.Path(inspect.getfile(faramesh)).parent / "py.typed").exists()
    assert importlib.metadata.metadata("faramesh")["Requires-Python"] == ">=3.10"


SAMPLE = """
from collections.abc import Callable, Coroutine
from typing import Any
from typing_extensions import assert_type
from langchain_core.tools import BaseTool, StructuredTool, tool
from faramesh import Action, AsyncClient, Client, Outcome, govern
from faramesh.integrations.langchain import faramesh_tool, wrap_tools

@govern(agent_id="a")
def plain(customer_id: str, amount: float = 1) -> str: return ""

@govern(agent_id="a", tool="t")
async def coroutine(customer_id: str) -> int: return 1

@faramesh_tool(agent_id="a")
def below(customer_id: str) -> str: return ""

def bare(x: int) -> str: return ""

assert_type(plain("c", amount=2), str)
async def use() -> None:
    assert_type(await coroutine("c"), int)
    async with AsyncClient() as client:
        assert_type(await client.get("a"), Action)
assert_type(below("c"), str)
assert_type(govern(bare, agent_id="a")(1), str)
assert_type(faramesh_tool(StructuredTool.from_function(bare), agent_id="a"), StructuredTool)
assert_type(faramesh_tool(agent_id="a")(StructuredTool.from_function(bare)), StructuredTool)
assert_type(wrap_tools([below, tool(bare)], "a"), list[BaseTool])
assert_type(Client().get("a").outcome, Outcome)
"""
WRONG = """
plain(1)  # error
plain("c", amount="x")  # error
coroutine()  # error
below(customer=1)  # error
faramesh_tool(bare)  # error
govern(bare, agent_id="a", polcy="p")  # error
wrap_tools([below])  # error
Client().list(status="done")  # error
"""


def test_types_are_kept(tmp_path: pathlib.Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE + WRONG)
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    expected = [number for number, line in enumerate(sample.read_text().splitlines(), 1) if line.endswith("# error")]
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert found == set(expected), done.stdout
