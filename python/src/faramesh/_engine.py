"""`Engine` and `PolicySet`: deciding in this process, in the engine module that the server runs.

A stopped instance of the module is discarded and its action is `HALT`, `engine_failure`; this is the only decision
that is built outside of the engine. Nothing here reads a clock, or knows the use of a decision.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.resources
import json
import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from faramesh import _canonical, _files, _types
from faramesh._errors import (
    EngineFailureError,
    EngineUnavailableError,
    InvalidActionError,
    PolicyInvalidError,
)
from faramesh._files import Listing
from faramesh._settings import setting
from faramesh._types import Decision, Diagnostic, Outcome

if TYPE_CHECKING:
    from faramesh._wasm import Instance, Module

T = TypeVar("T")
Json = Mapping[str, Any] | bytes | str
"""A JSON object: as Python values, or as its bytes."""
Files = Mapping[str, bytes | str] | str | os.PathLike[str]
"""Policy files: the content of each by its name, or the path of a file or a folder."""

VARIABLE: Final = "FARAMESH_ENGINE_WASM"
"""Names an engine module, for an installation that comes without one."""

_NO_STATE: Final = b"{}"
_MAX_POLICY: Final = 1024 * 1024
_ALONE: Final = "policy.yaml"
_BEGIN: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:[#%][^\n]*|---[ \t]*)?\r?\n)*( *)")
"""All that comes before the first key of a YAML document."""
_FLOW: Final = re.compile(rb"(?:---[ \t]+)?(?:[&!]\S*\s+)*\{")

log = logging.getLogger("faramesh")


class Engine:
    """The engine in this process; safe to use from many threads at once.

    It decides and nothing else: it asks no server, records nothing and runs no tool. `wasm` is the path of an engine
    module, by default the one that comes with this package. Needs the extra `faramesh[local]`.

    >>> policies = Engine().load("policies")  # doctest: +SKIP
    >>> policies.decide({"agent_id": "a", "tool": "process_refund", "params": {"amount": 45}}).outcome
    'EXECUTE'
    """

    def __init__(self, wasm: str | os.PathLike[str] | None = None) -> None:
        self._module = _module(_wasm_bytes(wasm))
        self._bare = _Warm(self._module, b"")

    @property
    def engine_hash(self) -> str:
        """The SHA-256 of the engine module: the name of this engine on every host."""
        return self._module.hash

    @functools.cached_property
    def runtime_version(self) -> str:
        """The version of the rules of deciding."""
        # Every decision names it, including one about unreadable bytes.
        version = _read_decision(self._bare.use(lambda instance, handle: instance.decide(handle, b"", _NO_STATE)))
        return version.runtime_version or ""

    def load(self, files: Files) -> PolicySet:
        """The policies, ready to decide; raises `PolicyInvalidError` when one of them has an error.

        So it does for a folder with a file that was meant to be read and is not, such as `deny.YAML`.
        """
        read = self._listing(files)
        if read.mistakes:
            raise PolicyInvalidError.of(read.mistakes)
        warm = _Warm(self._module, _packed(read.files))
        loaded = warm.load()
        diagnostics = _diagnostics(loaded)
        if loaded["handle"] is None:
            raise PolicyInvalidError.of(diagnostics)
        return PolicySet(self, warm, loaded, diagnostics)

    def check(self, files: Files) -> tuple[Diagnostic, ...]:
        """Every finding about the policies, errors and warnings, by file and place."""
        read = self._listing(files)
        return (*read.mistakes, *_diagnostics(_readable(self.check_bytes(read.files))))

    def check_bytes(self, files: Files) -> bytes:
        """`check` with the engine's own answer: `{"diagnostics":[…],"files":[…],"handle":…,"policy_hash":"…"}`.

        `handle` is null when one of the policies has an error, and means nothing else here. The engine reads no
        folders: raises `PolicyInvalidError` for one with files that were meant to be read and are not.
        """
        read = self._listing(files)
        if read.mistakes:
            raise PolicyInvalidError.of(read.mistakes)
        return self._module.instance().load(_packed(read.files))

    def reads_as_policy(self, content: bytes) -> bool:
        """Whether a text is a mapping with a list of `rules`, so that it was meant as a policy."""
        # Most files are told by this alone, which costs nothing.
        if b"rules" not in content or len(content) > _MAX_POLICY:
            return False
        try:
            return self._reads_as_policy(content)
        except EngineFailureError:
            return True  # It cannot be told, so the file is named.

    def _reads_as_policy(self, content: bytes) -> bool:
        found = self.check({_ALONE: content})
        if any(one.code in ("yaml_syntax", "not_utf8") for one in found):
            return False
        if any(one.code in ("wrong_type", "missing_value") and one.message.startswith("`rules`") for one in found):
            return False
        # The engine reports a repeated key, so adding another `rules` shows whether there is one.
        begin = _BEGIN.match(content)
        if begin is None:
            return False
        before, indent, after = content[: begin.end()], begin[1], content[begin.end() :]
        flow = _FLOW.match(after)
        more = (
            before + b"rules: []\n" + indent + after
            if flow is None
            else before + flow[0] + b'"rules": [], ' + after[flow.end() :]
        )
        return any(one.code == "duplicate_key" and "`rules`" in one.message for one in self.check({_ALONE: more}))

    def _listing(self, files: Files) -> Listing:
        if isinstance(files, Mapping):
            return Listing({name: one.encode() if isinstance(one, str) else bytes(one) for name, one in files.items()})
        return _files.read(Path(files), self.reads_as_policy)

    def request_hash(self, action: Json) -> str:
        """The `request_hash` of an action; raises `InvalidActionError` when it cannot be read."""
        return hashlib.sha256(self.canonical(action)).hexdigest()

    def canonical(self, action: Json) -> bytes:
        """The canonical form of an action; raises `InvalidActionError` when it cannot be read."""
        answer = self._bare.use(lambda instance, _: instance.canonicalize(_action_bytes(action)))
        told = _readable(answer)
        _raise_refusal(told)
        request_hash = str(told.get("request_hash"))
        # The bytes themselves, and not what a JSON reader makes of them.
        canonical = answer.removeprefix(b'{"canonical":').removesuffix(f',"request_hash":"{request_hash}"}}'.encode())
        if hashlib.sha256(canonical).hexdigest() != request_hash:
            raise EngineFailureError("the engine's answer cannot be read: the hash is of something else")
        return canonical


class PolicySet:
    """Policies that an engine has loaded; safe to use from many threads at once."""

    def __init__(
        self, engine: Engine, warm: _Warm, loaded: Mapping[str, Any], diagnostics: tuple[Diagnostic, ...]
    ) -> None:
        self._engine = engine
        self._warm = warm
        self.policy_hash: Final[str] = loaded["policy_hash"]
        """The hash over all files."""
        self.files: Final[Mapping[str, str]] = {one["file"]: one["hash"] for one in loaded["files"]}
        """The SHA-256 of each file by its name."""
        self.diagnostics: Final = diagnostics
        """The warnings about them."""
        # Asked for while the engine answers, because a decision that it does not make names it too.
        self._runtime_version = engine.runtime_version

    def decide(self, action: Json, state: Json | None = None) -> Decision:
        """Decide an action. `state` holds the caller's knowledge: `now`, and the `approval` to act on.

        Bytes that do not form an action have a decision too: `HALT`, `invalid_action`. So does an action for which the
        engine gave no answer: `HALT`, `engine_failure`. Raises `InvalidActionError` for Python values without a JSON
        form, and `ValueError` for an unreadable state.
        """
        return self._decide(_action_bytes(action), _state_bytes(state), _read_decision)

    def decide_bytes(self, action: bytes, state: bytes = _NO_STATE) -> bytes:
        """`decide` with the engine's own answer: `{"action":…,"decision":{…},"error"?:{…},"state":{…}}`."""
        return self._decide(action, state, _read_answer)

    def explain(self, action: Json, state: Json | None = None) -> Mapping[str, Any]:
        """Every rule that was evaluated, each condition with its truth value, the value it saw, and why.

        Raises `InvalidActionError` when the action cannot be read, and `EngineFailureError` when the engine stops.
        """
        given = _action_bytes(action), _state_bytes(state)
        explained = _readable(self._warm.use(lambda instance, handle: instance.explain(handle, *given)))
        _raise_refusal(explained)
        return explained

    def _decide(self, action: bytes, state: bytes, read: Callable[[bytes], T]) -> T:
        try:
            return read(self._warm.use(lambda instance, handle: instance.decide(handle, action, state)))
        except (EngineFailureError, EngineUnavailableError) as error:
            log.error("nothing was decided, so the action is halted: %s", error)  # noqa: TRY400 - the text says all
            self._warm.forget()
            return read(self._failure(action, state))

    def _failure(self, action: bytes, state: bytes) -> bytes:
        """The answer for an action for which the engine gave none. It keeps the readable parts of the action."""
        canonical: bytes | None
        try:
            canonical = self._engine.canonical(action)
        except (InvalidActionError, EngineFailureError, EngineUnavailableError):
            canonical = None
        request_hash = canonical and hashlib.sha256(canonical).hexdigest()
        consulted = _plain(state)
        basis = {
            "policy_hash": self.policy_hash,
            "request_hash": request_hash,
            "runtime_version": self._runtime_version,
            "state": consulted,
        }
        decision: dict[str, Any] = {
            "decision": "deny",
            "outcome": "HALT",
            "policy_hash": self.policy_hash,
            "provenance_id": _canonical.hash_of(basis),
            "reason": "the engine did not answer",
            "reason_code": "engine_failure",
            "request_hash": request_hash,
            "risk_level": "low",
            "risk_rules": [],
            "risk_score": 0,
            "rule": None,
            "runtime_version": self._runtime_version,
        }
        if canonical is None:
            decision["raw_hash"] = hashlib.sha256(action).hexdigest()
        parts = {
            b"action": canonical or b"null",
            b"decision": _canonical.canonical_bytes(decision),
            b"state": _canonical.canonical_bytes(consulted),
        }
        return b"{" + b",".join(b'"%s":%s' % part for part in parts.items()) + b"}"


class _Warm:
    """An instance that holds some policies, used by one call at a time.

    One for all threads: a decision is mostly spent in Python, and threads that each have an instance of their own
    take longer together, because they wait for the interpreter at every step.
    """

    def __init__(self, module: Module, files: bytes) -> None:
        self.module: Final = module
        self._files = files
        self._ready: tuple[Instance, int] | None = None
        self._lock = threading.Lock()
        _ALL.add(self)

    def use(self, call: Callable[[Instance, int], bytes]) -> bytes:
        """The instance's answer to `call`, given the handle of its policies."""
        with self._lock:
            instance, handle = self._ready or self._fresh()
            # INVARIANT: only an instance whose last call ended in an answer is used again.
            self._ready = None
            answer = call(instance, handle)
            self._ready = instance, handle
            return answer

    def load(self) -> dict[str, Any]:
        """The engine's answer for the policies; if they have an error there is no handle, and nothing is kept."""
        with self._lock:
            instance, loaded = self._loaded()
            if loaded["handle"] is not None:
                self._ready = instance, loaded["handle"]
            return loaded

    def forget(self, patience: float = -1) -> None:
        """Throw the instance away; the next call makes another and loads the policies again."""
        if self._lock.acquire(timeout=patience):
            self._ready = None
            self._lock.release()

    def after_fork(self) -> None:
        """Begin anew in a forked process, where another thread may have been at the instance when it forked."""
        self._lock = threading.Lock()
        self._ready = None

    def _fresh(self) -> tuple[Instance, int]:
        instance, loaded = self._loaded()
        handle = loaded["handle"]
        if not isinstance(handle, int):
            raise EngineFailureError("policies that were sound have errors now")
        return instance, handle

    def _loaded(self) -> tuple[Instance, dict[str, Any]]:
        instance = self.module.instance()
        loaded = _readable(instance.load(self._files))
        if not {"diagnostics", "files", "handle", "policy_hash"} <= loaded.keys():
            raise EngineFailureError(f"the engine did not load the policies: {loaded}")
        return instance, loaded


_ALL: weakref.WeakSet[_Warm] = weakref.WeakSet()


def _all_after_fork() -> None:
    for warm in list(_ALL):
        warm.after_fork()


def _close_all() -> None:
    """Give everything back while the interpreter is whole; wasmtime complains when it happens later."""
    everything = list(_ALL)
    for warm in everything:
        warm.forget(patience=1.0)
    for module in {warm.module for warm in everything}:
        module.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_after_fork)
atexit.register(_close_all)


@functools.cache
def shared() -> Engine:
    """One engine for all tools of a process."""
    return Engine()


def _module(wasm: bytes) -> Module:
    try:
        from faramesh._wasm import Module  # noqa: PLC0415 - the extra may not be installed
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "wasmtime":
            raise
        raise EngineUnavailableError(
            'deciding in this process needs the `wasmtime` package; install it with `pip install "faramesh[local]"`'
        ) from error
    except (OSError, RuntimeError) as error:  # the package is there, and its library does not fit this machine
        raise EngineUnavailableError(f"the `wasmtime` package cannot be loaded: {error}") from error
    return Module(wasm)


def _wasm_bytes(path: str | os.PathLike[str] | None) -> bytes:
    packed = importlib.resources.files("faramesh").joinpath("engine.wasm")
    if path is None and packed.is_file():
        return packed.read_bytes()
    named = path or setting(VARIABLE)
    if not named:
        raise EngineUnavailableError(
            "this installation of faramesh comes without `engine.wasm`; in a checkout, `cargo xtask build` makes it "
            f"and puts it into the package, and `{VARIABLE}` can name one elsewhere"
        )
    try:
        return Path(named).read_bytes()
    except OSError as error:
        raise EngineUnavailableError(
            f"the engine module `{os.fspath(named)}` cannot be read: {error.strerror}"
        ) from error


def _packed(files: Mapping[str, bytes]) -> bytes:
    """The input of the engine's `load`: each name and content behind its length."""
    packed = bytearray()
    for name, content in files.items():
        for data in (name.encode(), content):
            packed += len(data).to_bytes(4, "little") + data
    return bytes(packed)


def _action_bytes(action: Json) -> bytes:
    match action:
        case bytes():
            return action
        case str():
            return action.encode()
        case _:
            return _canonical.wire_bytes(_canonical.to_json(action, "action"))


def _state_bytes(state: Json | None) -> bytes:
    return _NO_STATE if state is None else _action_bytes(state)


def _diagnostics(loaded: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    try:
        return _types.parse_diagnostics(loaded["diagnostics"])
    except ValueError as error:
        raise EngineFailureError(f"the engine's answer cannot be read: {error}") from error


def _read_decision(answer: bytes) -> Decision:
    told = _readable(answer)
    _raise_refusal(told)
    try:
        return _types.parse_decision(told.get("decision"))
    except _types.MalformedAnswerError as error:
        raise EngineFailureError(f"the engine's answer cannot be read: {error}") from error


def _read_answer(answer: bytes) -> bytes:
    told = _readable(answer)
    _raise_refusal(told)
    decision = told.get("decision")
    if not isinstance(decision, dict) or decision.get("outcome") not in get_args(Outcome):
        raise EngineFailureError("the engine's answer cannot be read: it is no decision")
    return answer


def _readable(answer: bytes) -> dict[str, Any]:
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise EngineFailureError(f"the engine's answer cannot be read: {error}") from error
    if not isinstance(told, dict):
        raise EngineFailureError("the engine's answer cannot be read: it is no object")
    return told


def _raise_refusal(told: Mapping[str, Any]) -> None:
    """Raise the engine's reason if it refused the call."""
    failure = told.get("failure")
    match failure:
        case None:
            return
        case {"code": "invalid_action", "message": message}:
            raise InvalidActionError(message)
        case {"code": "invalid_state", "message": message}:
            raise ValueError(message)
        case _:
            raise EngineFailureError(f"the engine refused the call: {failure}")


def _plain(state: bytes) -> dict[str, Any]:
    """A state that the engine did not answer about, as far as it can be read."""
    try:
        plain = _canonical.to_json(json.loads(state), "state")
    except (ValueError, RecursionError, InvalidActionError):
        return {}
    return plain if isinstance(plain, dict) else {}
