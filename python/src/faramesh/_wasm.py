"""The engine module, run by wasmtime: bytes in, bytes out, over the C interface of `engine/src/abi.rs`.

Every call has the same limits of fuel and memory as on the server. The meaning of answers is not known here. This is the
only module that imports `wasmtime`, and it uses only documented parts of that package.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import platform
import sys
from typing import Any, Final

import wasmtime

from faramesh import _cache
from faramesh._errors import EngineFailureError, EngineUnavailableError

ABI_VERSION: Final = 1
MAX_MEMORY_BYTES: Final = 128 << 20
"""The most memory of one instance. A policy of 10,000 rules takes about a quarter of it."""

DECIDE_FUEL = 125_000_000_000
"""The fuel of one decision. A common one takes about 100 thousand; the engine's own limit comes first."""
EXPLAIN_FUEL = 2 * DECIDE_FUEL
"""The fuel of an explanation."""
LOAD_FUEL = 60_000_000_000
"""The fuel of loading policies."""

CALLS: Final = ("buffer", "load", "decide", "explain", "canonicalize")

_CONFIGURATION: Final = "fuel-nosignals-1"
"""Part of the name of a compiled module: it changes with the compiler's settings."""


class Module:
    """The engine module, compiled and ready to be started any number of times, from any thread."""

    def __init__(self, wasm: bytes) -> None:
        self.hash: Final = hashlib.sha256(wasm).hexdigest()
        config = wasmtime.Config()
        config.consume_fuel = True
        config.cranelift_opt_level = "speed"
        # A trap is found by a check in the compiled code and not by a signal: the signal handlers of a process are
        # its owner's, and `faulthandler` ends the process at the first signal that wasmtime meant for itself.
        config.signals_based_traps = False
        # The threads of a parallel compiler are missing in a forked child, which would wait for them for ever.
        config.parallel_compilation = False
        try:
            self.engine: Final = wasmtime.Engine(config)
            self.compiled: Final = self._compiled(wasm)
        except wasmtime.WasmtimeError as error:
            raise EngineUnavailableError(f"the engine module cannot be compiled: {_first_line(error)}") from error
        if self.compiled.imports:
            raise EngineUnavailableError("the engine module imports something, and an engine imports nothing")

    def instance(self) -> Instance:
        """A fresh instance without policies."""
        return Instance(self)

    def close(self) -> None:
        """Give the memory back; no instance can be started any more."""
        self.compiled.close()
        self.engine.close()

    def _compiled(self, wasm: bytes) -> wasmtime.Module:
        version = importlib.metadata.version("wasmtime")
        name = f"engine-{self.hash}-wasmtime-{version}-{_CONFIGURATION}-{sys.platform}-{platform.machine()}"
        folder = _cache.folder()
        kept = None if folder is None else _cache.read(folder, name)
        if kept is not None:
            try:
                return wasmtime.Module.deserialize(self.engine, kept)
            except wasmtime.WasmtimeError:
                pass  # another processor, or another build of this version: compiled anew
        compiled = wasmtime.Module(self.engine, wasm)
        if folder is not None:
            _cache.write(folder, name, bytes(compiled.serialize()))
        return compiled


class Instance:
    """A running engine. After an error it must not be used again; not to be called from two threads at once."""

    def __init__(self, module: Module) -> None:
        try:
            self._store = wasmtime.Store(module.engine)
            self._store.set_limits(memory_size=MAX_MEMORY_BYTES)
            self._store.set_fuel(DECIDE_FUEL)
            exports = wasmtime.Instance(self._store, module.compiled, []).exports(self._store)
            self._functions = {name: _function(exports, name) for name in CALLS}
            version = _function(exports, "abi_version")(self._store)
        except (wasmtime.WasmtimeError, wasmtime.Trap, ValueError) as error:  # the last when the module is closed
            raise EngineUnavailableError(f"the engine module cannot be started: {_first_line(error)}") from error
        memory = exports.get("memory")
        if not isinstance(memory, wasmtime.Memory):
            raise EngineUnavailableError("the engine module exports no memory")
        self._memory = memory
        if version != ABI_VERSION:
            raise EngineUnavailableError(
                f"the engine module has version {version} of its interface, and {ABI_VERSION} is needed"
            )

    def load(self, files: bytes) -> bytes:
        """The answer to `load`."""
        return self._call("load", LOAD_FUEL, (files,), len(files))

    def decide(self, handle: int, action: bytes, state: bytes) -> bytes:
        """The answer to `decide`."""
        return self._call("decide", DECIDE_FUEL, (action, state), handle, len(action), len(state), 0)

    def explain(self, handle: int, action: bytes, state: bytes) -> bytes:
        """The answer to `explain`."""
        return self._call("explain", EXPLAIN_FUEL, (action, state), handle, len(action), len(state), 0)

    def canonicalize(self, action: bytes) -> bytes:
        """The answer to `canonicalize`."""
        return self._call("canonicalize", DECIDE_FUEL, (action,), len(action))

    def _call(self, name: str, fuel: int, parts: tuple[bytes, ...], *arguments: int) -> bytes:
        size = sum(map(len, parts))
        if size > MAX_MEMORY_BYTES:
            raise EngineFailureError("the engine stopped: the input is larger than its memory")
        try:
            self._store.set_fuel(fuel)
            at = int(self._functions["buffer"](self._store, size)) & 0xFFFF_FFFF
            base = self._address(at, size)
            for part in parts:
                ctypes.memmove(base, part, len(part))
                base += len(part)
            answer = int(self._functions[name](self._store, *arguments))
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise EngineFailureError(f"the engine stopped: {_first_line(error)}") from error
        at, size = (answer >> 32) & 0xFFFF_FFFF, answer & 0xFFFF_FFFF
        return ctypes.string_at(self._address(at, size), size)

    def _address(self, at: int, size: int) -> int:
        """Where a part of the engine's memory is in ours, until the next call."""
        if at + size > self._memory.data_len(self._store):
            raise EngineFailureError("the engine's answer cannot be read: it lies outside of its memory")
        return ctypes.addressof(self._memory.data_ptr(self._store).contents) + at


def _function(exports: Any, name: str) -> wasmtime.Func:
    function = exports.get(name)
    if not isinstance(function, wasmtime.Func):
        raise EngineUnavailableError(f"the engine module exports no function `{name}`")
    return function


def _first_line(error: Exception) -> str:
    """The failure, without the list of functions that wasmtime adds."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if "wasm trap:" in line] or lines or [type(error).__name__]
    return told[0].partition("wasm trap: ")[2] or told[0]
