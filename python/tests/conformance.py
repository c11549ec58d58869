"""Runs the corpus of all hosts through `faramesh.Engine`: `python tests/conformance.py` in the package's folder.

Reads `target/corpus.json`, which has every case with the answer of the native engine, compares byte for byte, and
writes the results to `target/hosts/python.json`. Exits with 1 on any difference. It has no expectations of its own.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import rfc8785

from faramesh import Engine, FarameshError, PolicyInvalidError

TARGET: Final = pathlib.Path(__file__).parents[2] / "target"
Case = dict[str, Any]
Difference = tuple[str, object, object]


def decide(engine: Engine, case: Case) -> Iterator[Difference]:
    expected, (action, state) = case["expected"], inputs(case)
    policies = engine.load(files(case))
    answer = policies.decide_bytes(action, state)
    parts = {name: expected[name] for name in ("action", "decision", "error", "state")}
    # An action that cannot be read is null in the answer; an error that is not there has no key.
    printed = [f'"{name}":{text or "null"}' for name, text in parts.items() if text or name == "action"]
    yield "answer", f"{{{','.join(printed)}}}".encode(), answer
    yield "policy_hash", expected["policy_hash"], policies.policy_hash
    decision = json.loads(expected["decision"])
    typed = policies.decide(action, state)
    for field in dataclasses.fields(typed):
        value = getattr(typed, field.name)
        if field.name in decision or value not in (None, ()):
            yield field.name, rfc8785.dumps(decision.get(field.name)), rfc8785.dumps(plain(value))


def canonical(engine: Engine, case: Case) -> Iterator[Difference]:
    expected, (action, _) = case["expected"], inputs(case)
    yield "canonical", expected["canonical"].encode(), engine.canonical(action)
    yield "request_hash", expected["request_hash"], engine.request_hash(action)


def diagnostics(engine: Engine, case: Case) -> Iterator[Difference]:
    expected, given = case["expected"], files(case)
    found, behind = f'{{"diagnostics":{expected["diagnostics"]},"files":'.encode(), engine.check_bytes(given)
    yield "diagnostics", found, behind[: len(found)]
    yield "policy_hash", expected["policy_hash"], json.loads(behind)["policy_hash"]
    yield "typed diagnostics", expected["diagnostics"].encode(), rfc8785.dumps(plain(engine.check(given)))
    try:
        loads = bool(engine.load(given))
    except PolicyInvalidError as error:
        loads = False
        yield "diagnostics of the error", expected["diagnostics"].encode(), rfc8785.dumps(plain(error.diagnostics))
    yield "loads", expected["loads"], loads


FOLDERS: Final[dict[str, Callable[[Engine, Case], Iterator[Difference]]]] = {
    "decide": decide,
    "canonical": canonical,
    "diagnostics": diagnostics,
}


def plain(value: Any) -> Any:
    """A typed answer as plain JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def files(case: Case) -> dict[str, bytes]:
    return {one["name"]: base64.b64decode(one["base64"]) for one in case["policies"]}


def inputs(case: Case) -> tuple[bytes, bytes]:
    return base64.b64decode(case["action_base64"]), base64.b64decode(case["state_base64"])


def shown(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else repr(value)


def compare(engine: Engine, case: Case) -> list[str]:
    """The differences, as sentences."""
    try:
        differences = [one for one in FOLDERS[case["folder"]](engine, case) if one[1] != one[2]]
    except (FarameshError, ValueError) as error:
        return [f"{type(error).__name__}: {error}"]
    return [f"{what}: expected {shown(expected)}, found {shown(found)}" for what, expected, found in differences]


def main() -> int:
    cases: list[Case] = json.loads((TARGET / "corpus.json").read_bytes())
    engine = Engine()
    compared: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
    differences: list[dict[str, str]] = []
    for case in cases:
        folder, name = case["folder"], case["name"]
        told = compare(engine, case)
        compared[folder].append(name)
        if told:
            differences.append({"folder": folder, "name": name, "told": "\n    ".join(told)})
    tally = {
        "host": "Python",
        "engine_hash": engine.engine_hash,
        "compared": compared,
        "cannot": [],
        "differences": differences,
    }
    out = TARGET / "hosts" / "python.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(tally) + "\n")
    for one in differences:
        print(f"{one['folder']}/{one['name']}:\n    {one['told']}", file=sys.stderr)
    counts = ", ".join(f"{len(names)} {folder}" for folder, names in compared.items())
    print(f"Python: {counts}; {len(differences)} differ")
    return 1 if differences or not all(compared.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
