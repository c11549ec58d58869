"""Loading the engine module into a process: its source, the cache on disk, threads, forks and traps."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import wasmtime

import faramesh
from faramesh import Engine, EngineFailureError, EngineUnavailableError, _cache, _engine, _wasm

ACTION = {"agent_id": "a", "tool": "t"}
ALLOW = {"a.yaml": "rules:\n  - { match: { tool: t }, allow: true }\n"}
LOADED = '{"diagnostics":[],"files":[],"handle":1,"policy_hash":"0"}'
DECIDED = '{"action":null,"decision":{"outcome":"EXECUTE","runtime_version":"9"},"state":{}}'


def program(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def module(decide: str, answer: str = DECIDED, *, version: int = 1, more: str = "") -> bytes:
    """An engine that answers every action that is not empty with what `decide` does; `(i64)` of memory or a trap."""

    def data(at: int, text: str) -> str:
        escaped = "".join(f"\\{byte:02x}" for byte in text.encode())
        return f'(data (i32.const {at}) "{escaped}")'

    return bytes(
        wasmtime.wat2wasm(f"""(module {more}
        (memory (export "memory") 1)
        {data(0, LOADED)} {data(1000, DECIDED)} {data(2000, answer)}
        (func (export "abi_version") (result i32) (i32.const {version}))
        (func (export "buffer") (param i32) (result i32) (i32.const 4000))
        (func (export "load") (param i32) (result i64) (i64.const {len(LOADED)}))
        (func (export "canonicalize") (param i32) (result i64) unreachable)
        (func (export "explain") (param i32 i32 i32 i32) (result i64) unreachable)
        (func (export "decide") (param i32 i32 i32 i32) (result i64)
          (if (i32.eqz (local.get 1)) (then (return (i64.const {(1000 << 32) | len(DECIDED)}))))
          {decide}))""")
    )


def built(tmp_path: pathlib.Path, wasm: bytes) -> Engine:
    path = tmp_path / "other.wasm"
    path.write_bytes(wasm)
    return Engine(path)


def at(address: int, size: int) -> str:
    return f"(i64.const {address << 32 | size})"


def told(answer: str) -> tuple[str, str]:
    return at(2000, len(answer)), answer


WRONG = {
    "a trap": ("unreachable", DECIDED),
    "a read outside of its memory": ("(drop (i32.load (i32.const 70000))) unreachable", DECIDED),
    "a stack without end": ("(call 5 (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1))", DECIDED),
    "a loop without end": ("(loop (br 0)) unreachable", DECIDED),
    "an answer outside of its memory": (at(65_530, 100), DECIDED),
    "an answer at the end of the world": (at(0xFFFF_FFFF, 0xFFFF_FFFF), DECIDED),
    "nothing": told(""),
    "no JSON": told("yes"),
    "no object": told('"EXECUTE"'),
    "no decision": told("{}"),
    "a decision that is no object": told('{"action":null,"decision":"EXECUTE"}'),
    "a decision without an outcome": told('{"action":null,"decision":{}}'),
    "an outcome that is no word": told('{"action":null,"decision":{"outcome":true}}'),
    "half of a decision": told('{"action":null,"decision":{"outcome":"EXECUTE"}'),
    "an unknown failure": told('{"failure":{"code":"new","message":"huh"}}'),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_engine_that_goes_wrong_halts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("faramesh._wasm.DECIDE_FUEL", 10_000_000)
    decide, answer = WRONG[name]
    policies = built(tmp_path, module(decide, answer)).load({})
    decision = policies.decide(ACTION)
    assert (decision.outcome, decision.reason_code, decision.runtime_version) == ("HALT", "engine_failure", "9")
    assert policies._warm._ready is None, "it is not used again"
    assert json.loads(policies.decide_bytes(b"{}"))["decision"]["outcome"] == "HALT"


def test_the_module_of_these_tests_would_execute(tmp_path: pathlib.Path) -> None:
    decide = at(2000, len(DECIDED))
    assert built(tmp_path, module(decide)).load({}).decide(ACTION).outcome == "EXECUTE"


@pytest.mark.parametrize(
    ("wasm", "message"),
    [
        (b"", "cannot be compiled"),
        (b"\0asm\1\0\0\0", "exports no function"),
        (wasmtime.wat2wasm("(module)")[:-1] + b"x", "cannot be compiled"),
        (module("unreachable", version=2), "has version 2 of its interface"),
        (module("unreachable", more='(import "env" "time" (func (result i64)))'), "imports something"),
    ],
)
def test_what_is_no_engine_is_refused(tmp_path: pathlib.Path, wasm: bytes, message: str) -> None:
    with pytest.raises(EngineUnavailableError, match=message):
        built(tmp_path, bytes(wasm)).load({})


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    monkeypatch.delitem(sys.modules, "faramesh._wasm")
    monkeypatch.delattr(faramesh, "_wasm")
    with pytest.raises(ImportError, match=r'pip install "faramesh\[local\]"') as caught:
        Engine()
    assert isinstance(caught.value, EngineUnavailableError)
    assert caught.value.code == "engine_unavailable"


def test_nobody_who_does_not_ask_pays_for_it() -> None:
    ran = program("import sys, faramesh, faramesh.integrations.langchain; print('wasmtime' in sys.modules)")
    assert (ran.stdout, ran.returncode) == ("False\n", 0), ran.stderr


class TestWhereItComesFrom:
    """The module in the package, else the one that the environment names."""

    @pytest.fixture
    def bare(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
        """An installation without the module."""
        real = pathlib.Path(_engine.__file__).parent / "engine.wasm"
        monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
        return real

    def test_without_one_the_error_says_how_to_make_it(self, bare: pathlib.Path) -> None:
        assert bare.is_file()
        with pytest.raises(EngineUnavailableError, match=r"without `engine\.wasm`.*cargo xtask build.*FARAMESH_ENGI"):
            Engine()

    def test_the_environment_can_name_one(self, bare: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FARAMESH_ENGINE_WASM", str(bare))
        assert Engine().load(ALLOW).decide(ACTION).outcome == "EXECUTE"
        monkeypatch.setenv("FARAMESH_ENGINE_WASM", str(bare) + "x")
        with pytest.raises(EngineUnavailableError, match="cannot be read"):
            Engine()

    def test_the_environment_does_not_replace_the_one_in_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FARAMESH_ENGINE_WASM", "nothing")
        assert Engine().load(ALLOW).decide(ACTION).outcome == "EXECUTE"


class TestCache:
    """Compiled modules are cached where no other user can write, and read only from there."""

    @pytest.fixture
    def folder(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
        folder = tmp_path / "deep" / "cache"
        monkeypatch.setenv("FARAMESH_CACHE_DIR", str(folder))
        return folder

    @pytest.fixture
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """The modules that were compiled."""
        compiled: list[bytes] = []

        class Counting(wasmtime.Module):
            def __init__(self, engine: wasmtime.Engine, wasm: Any) -> None:
                compiled.append(wasm)
                super().__init__(engine, wasm)

        monkeypatch.setattr(wasmtime, "Module", Counting)
        return compiled

    def engine(self, tmp_path: pathlib.Path) -> Engine:
        return built(tmp_path, module(at(2000, len(DECIDED))))

    def test_it_is_compiled_once(self, folder: pathlib.Path, tmp_path: pathlib.Path, compiled: list[bytes]) -> None:
        for _ in range(3):
            assert self.engine(tmp_path).load({}).decide(ACTION).outcome == "EXECUTE"
        assert len(compiled) == 1
        (file,) = folder.iterdir()
        assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
        assert self.engine(tmp_path).engine_hash in file.name

    def test_another_module_is_compiled(
        self, folder: pathlib.Path, tmp_path: pathlib.Path, compiled: list[bytes]
    ) -> None:
        self.engine(tmp_path)
        built(tmp_path, module("unreachable"))
        assert (len(compiled), len(list(folder.iterdir()))) == (2, 2)

    def open_folder(self, folder: pathlib.Path, _: pathlib.Path) -> None:
        folder.chmod(0o775)

    def zeroed_page(self, _: pathlib.Path, file: pathlib.Path) -> None:
        content = bytearray(file.read_bytes())
        content[4096:8192] = bytes(4096)
        file.write_bytes(content)

    def another_engine(self, folder: pathlib.Path, file: pathlib.Path) -> None:
        kept = _cache.read(folder, file.name)
        assert kept is not None
        _cache.write(folder, "another", kept)
        (folder / "another").rename(file)

    def pipe(self, _: pathlib.Path, file: pathlib.Path) -> None:
        file.unlink()
        os.mkfifo(file)

    def writable_file(self, _: pathlib.Path, file: pathlib.Path) -> None:
        file.chmod(0o620)

    def link(self, folder: pathlib.Path, file: pathlib.Path) -> None:
        file.rename(folder / "elsewhere")
        file.symlink_to(folder / "elsewhere")

    def changed(self, _: pathlib.Path, file: pathlib.Path) -> None:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    def cut_off(self, _: pathlib.Path, file: pathlib.Path) -> None:
        file.write_bytes(file.read_bytes()[:-100])

    def empty(self, _: pathlib.Path, file: pathlib.Path) -> None:
        file.write_bytes(b"")

    def no_module(self, folder: pathlib.Path, file: pathlib.Path) -> None:
        _cache.write(folder, file.name, b"no module at all")

    def a_folder(self, _: pathlib.Path, file: pathlib.Path) -> None:
        file.unlink()
        file.mkdir()

    @pytest.mark.parametrize(
        "spoil",
        [
            open_folder,
            writable_file,
            link,
            changed,
            zeroed_page,
            cut_off,
            empty,
            no_module,
            another_engine,
            a_folder,
            pipe,
        ],
    )
    def test_what_cannot_be_trusted_is_not_used(
        self,
        folder: pathlib.Path,
        tmp_path: pathlib.Path,
        compiled: list[bytes],
        spoil: Callable[[Any, pathlib.Path, pathlib.Path], None],
    ) -> None:
        self.engine(tmp_path)
        (file,) = folder.iterdir()
        spoil(self, folder, file)
        assert self.engine(tmp_path).load({}).decide(ACTION).outcome == "EXECUTE"
        assert len(compiled) == 2

    def test_a_file_of_somebody_else_is_not_used(
        self, folder: pathlib.Path, tmp_path: pathlib.Path, compiled: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.engine(tmp_path)
        somebody = os.geteuid() + 1
        monkeypatch.setattr("os.geteuid", lambda: somebody)
        self.engine(tmp_path)
        assert len(compiled) == 2
        assert len(list(folder.iterdir())) == 1

    def test_a_folder_that_cannot_be_made_costs_time_only(
        self, tmp_path: pathlib.Path, compiled: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("FARAMESH_CACHE_DIR", str(tmp_path / "file" / "cache"))
        assert self.engine(tmp_path).load({}).decide(ACTION).outcome == "EXECUTE"
        assert len(compiled) == 1

    def test_by_default_it_is_in_the_cache_of_the_user(
        self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("FARAMESH_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert _cache.folder() == tmp_path / "faramesh"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert _cache.folder() == tmp_path / ".cache" / "faramesh"


class TestProcesses:
    """Other activity in the process."""

    def in_a_fork(self, ask: Callable[[], bool]) -> None:
        """Expects `ask` to be true in a forked process, in time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn about forking with threads
            child = os.fork()
        if child == 0:
            ended = 1
            try:
                ended = 0 if ask() else 1
            finally:
                os._exit(ended)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                assert status == 0
                return
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the forked process waits for ever")

    def test_a_fork_decides_while_its_parent_was_deciding(self) -> None:
        policies = Engine().load(ALLOW)
        with policies._warm._lock:  # as another thread would hold it
            self.in_a_fork(lambda: policies.decide(ACTION).outcome == "EXECUTE")
        assert policies.decide(ACTION).outcome == "EXECUTE"

    def test_a_fork_can_compile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FARAMESH_CACHE_DIR", os.devnull)
        Engine()
        self.in_a_fork(lambda: Engine().load(ALLOW).decide(ACTION).outcome == "EXECUTE")

    def test_a_trap_is_no_signal(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "trap.wasm"
        path.write_bytes(module("(drop (i32.load (i32.const 70000))) unreachable"))
        ran = program(
            "import os, faramesh, faulthandler\n"
            "policies = faramesh.Engine(os.environ['MODULE']).load({})\n"
            "faulthandler.enable()\n"
            "print(policies.decide({'agent_id': 'a', 'tool': 't'}).reason_code)",
            MODULE=str(path),
        )
        assert (ran.stdout, ran.returncode) == ("engine_failure\n", 0), ran.stderr
        assert "Segmentation" not in ran.stderr

    def test_the_process_ends_without_a_word(self) -> None:
        ran = program(
            "import faramesh\n"
            "policies = faramesh.Engine().load({'a.yaml': 'rules: []'})\n"
            "shared = faramesh._engine.shared()\n"
            "try:\n"
            "    shared.load({'a.yaml': 'rules: 7'})\n"
            "except faramesh.PolicyInvalidError as error:\n"
            "    kept = error\n"
            "print(policies.decide(b'').outcome)"
        )
        assert (ran.stdout, ran.stderr, ran.returncode) == ("HALT\n", "", 0)

    def test_a_decision_after_the_end_halts(self) -> None:
        ran = program(
            "import atexit\n"
            "atexit.register(lambda: print(policies.decide({'agent_id': 'a', 'tool': 't'}).reason_code))\n"
            "import faramesh\n"
            "policies = faramesh.Engine().load({'a.yaml': 'rules: [{ match: { tool: t }, allow: true }]'})\n"
            "print(policies.decide({'agent_id': 'a', 'tool': 't'}).reason_code)"
        )
        assert (ran.stdout, ran.returncode) == ("policy_allow\nengine_failure\n", 0), ran.stderr


def test_the_limits_are_those_of_the_server() -> None:
    source = (pathlib.Path(__file__).parents[2] / "host" / "runtime" / "src" / "lib.rs").read_text()
    assert "DECIDE_FUEL: u64 = 125_000_000_000;" in source
    assert "EXPLAIN_FUEL: u64 = 2 * DECIDE_FUEL;" in source
    assert "LOAD_FUEL: u64 = 60_000_000_000;" in source
    assert "MAX_MEMORY_BYTES: usize = 128 << 20;" in source
    assert (_wasm.DECIDE_FUEL, _wasm.EXPLAIN_FUEL) == (125 * 10**9, 250 * 10**9)
    assert (_wasm.LOAD_FUEL, _wasm.MAX_MEMORY_BYTES) == (60 * 10**9, 128 << 20)


def test_a_failure_says_what_happened_and_not_where(tmp_path: pathlib.Path) -> None:
    with pytest.raises(EngineFailureError) as caught:
        built(tmp_path, module("unreachable")).request_hash(b"{}")
    assert str(caught.value) == "the engine stopped: wasm `unreachable` instruction executed"
