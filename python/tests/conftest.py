"""A server on the loopback that a test scripts, so that every way of failing can be had at will."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import rfc8785

from faramesh import govern

JsonObject = dict[str, Any]
KEPT = ("FARAMESH_BIN", "FARAMESH_LONG")
"""Environment variables that configure the tests themselves."""
AGENT = "support-agent-prod"


@dataclass(frozen=True)
class Reply:
    """An answer; `drop` closes the connection without one, `after` makes it late."""

    status: int = 200
    body: Any = None
    drop: bool = False
    after: float = 0.0


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    verb: str
    path: str
    body: JsonObject
    headers: dict[str, str]


@dataclass
class FakeServer:
    """By default it allows everything, and answers as scripted for each verb that a test scripts.

    `verb` is `submit`, `wait`, `start`, `result`, `policies`, `approval`, `get` or `list`.
    """

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    actions: dict[str, JsonObject] = field(default_factory=dict)
    scripts: dict[str, list[Reply | Callable[[JsonObject], Reply]]] = field(default_factory=dict)
    decide: Callable[[JsonObject], JsonObject] = lambda body: allow()
    policies: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, verb: str, *replies: Reply | Callable[[JsonObject], Reply]) -> None:
        """Answer `verb` with these, in order; the last one stays."""
        self.scripts[verb] = list(replies)

    def verbs(self) -> list[str]:
        return [one.verb for one in self.seen]

    def reports(self) -> list[JsonObject]:
        return [one.body for one in self.seen if one.verb == "result"]

    def policy_hash(self) -> str:
        return hashlib.sha256(rfc8785.dumps(self.policies)).hexdigest()

    def answer(self, seen: Seen) -> Reply:
        with self.lock:
            self.seen.append(seen)
            action_id = seen.path.split("/")[3] if seen.path.startswith("/v1/actions/") else ""
            if seen.verb == "submit":
                action_id = f"action-{len(self.actions):04}"
                self.actions[action_id] = self._submitted(action_id, seen.body)
            action = self.actions.get(action_id, {})
            scripted = self.scripts.get(seen.verb)
            if scripted:
                reply = scripted.pop(0) if len(scripted) > 1 else scripted[0]
                return reply if isinstance(reply, Reply) else reply(action)
            match seen.verb:
                case "start":
                    action["status"] = "executing"
                case "withdraw" if action["status"] in ("pending_approval", "allowed", "approved"):
                    action["status"] = "withdrawn"
                case "withdraw":
                    return Reply(409, {"code": "not_withdrawable", "action_status": action["status"]})
                case "result":
                    action["status"] = "succeeded" if seen.body["success"] else "failed"
                case "policies":
                    listed = [{"name": name, "hash": sha} for name, sha in self.policies.items()]
                    return Reply(body={"policy_hash": self.policy_hash(), "files": listed})
                case "list":
                    return Reply(body={"actions": list(self.actions.values()), "total": 1, "next_cursor": "c2"})
            return Reply(body=dict(action))

    def _submitted(self, action_id: str, body: JsonObject) -> JsonObject:
        full = {"operation": "call", "params": {}, "context": {}, **body}
        return {
            "id": action_id,
            **full,
            "request_hash": hashlib.sha256(rfc8785.dumps(full)).hexdigest(),
            "policy_hash": self.policy_hash(),
            "risk_level": "low",
            "risk_score": 0,
            "rule": {"policy": "support-agent.yaml", "id": "small-refunds", "line": 3},
            **self.decide(full),
        }


def allow() -> JsonObject:
    return {
        "outcome": "EXECUTE",
        "decision": "allow",
        "status": "allowed",
        "reason_code": "policy_allow",
        "reason": "ok",
    }


def hold() -> JsonObject:
    return {
        "outcome": "ABSTAIN",
        "decision": "require_approval",
        "status": "pending_approval",
        "reason_code": "policy_require_approval",
        "reason": "Mid-range refunds require manager review",
    }


def halt(code: str = "policy_deny", reason: str = "Refunds above $1000 require finance") -> JsonObject:
    return {"outcome": "HALT", "decision": "deny", "status": "denied", "reason_code": code, "reason": reason}


def approved() -> JsonObject:
    return {**allow(), "status": "approved", "reason_code": "approval_granted"}


def turned(**fields: Any) -> Callable[[JsonObject], Reply]:
    """The action of the request with these fields, which stay."""

    def reply(action: JsonObject) -> Reply:
        action.update(fields)
        return Reply(body=dict(action))

    return reply


def _verb(method: str, path: str) -> str:
    parts = path.strip("/").split("/")
    match method, parts:
        case "POST", ["v1", "actions"]:
            return "submit"
        case "GET", ["v1", "actions"]:
            return "list"
        case "GET", ["v1", "actions", _]:
            return "get"
        case _, ["v1", "actions", _, verb]:
            return verb
        case "GET", ["v1", "policies"]:
            return "policies"
    return f"{method} {path}"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *args: Any) -> None:
            """A test that fails says enough."""

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            path = self.path.partition("?")[0]
            reply = fake.answer(Seen(_verb(self.command, path), self.path, body, dict(self.headers.items())))
            if reply.drop:
                self.close_connection = True
                return
            time.sleep(reply.after)
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("FARAMESH_URL", fake.url)
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of this machine, and no waiting between tries."""
    for name in [name for name in os.environ if name.startswith("FARAMESH_") and name not in KEPT]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FARAMESH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "engines"))
    monkeypatch.setattr("faramesh._settings.RETRY_DELAYS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("faramesh._settle.SETTLED_NS", 0)
    monkeypatch.setattr("faramesh._held.SHORTEST_POLL", 0.01)
    monkeypatch.setattr("faramesh._held.LONGEST_PAUSE", 0.05)


Refund = Callable[..., str]


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ran() -> list[tuple[str, float]]:
    """The refunds that were made."""
    return []


@pytest.fixture
def refund(flavour: str, ran: list[tuple[str, float]]) -> Callable[..., Refund]:
    """Makes the governed refund, synchronous or asynchronous, called the same way."""

    def make(**terms: Any) -> Refund:
        if flavour == "sync":

            def process_refund(customer_id: str, amount: float = 45) -> str:
                ran.append((customer_id, amount))
                return f"refunded {amount}"

            synchronous: Refund = govern(process_refund, agent_id=AGENT, **terms)
            return synchronous

        async def arefund(customer_id: str, amount: float = 45) -> str:
            ran.append((customer_id, amount))
            return f"refunded {amount}"

        governed: Callable[..., Any] = govern(arefund, agent_id=AGENT, tool="process_refund", **terms)
        return lambda *args, **kwargs: asyncio.run(governed(*args, **kwargs))

    return make
