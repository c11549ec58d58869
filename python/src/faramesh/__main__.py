"""`python -m faramesh`: the `faramesh` program that the wheel of this platform carries.

A package without it, built from a checkout say, knows `version` alone: its own, and the digest of its engine.
"""

import json
import os
import pathlib
import subprocess
import sys
from importlib.metadata import files, version

from faramesh import Engine, EngineUnavailableError

NO_PROGRAM = "this installation of faramesh carries no `faramesh` program, and knows only `version`"


def main(arguments: list[str]) -> int:
    """Become the program where there is one; give the exit code."""
    if program := _program():
        command = [str(program), *arguments]
        if os.name == "posix":
            os.execv(program, command)
        return subprocess.run(command, check=False).returncode
    return _version(arguments)


def _program() -> pathlib.Path | None:
    """The program that was installed with this package, and no other of the same name."""
    for file in files("faramesh") or []:
        if file.stem == "faramesh" and file.suffix in ("", ".exe") and file.parent.name in ("bin", "Scripts"):
            path = pathlib.Path(str(file.locate()))
            return path if path.is_file() else None
    return None


def _version(arguments: list[str]) -> int:
    as_json = arguments[1:] in (["-o", "json"], ["--output", "json"])
    if arguments[:1] not in (["version"], ["--version"], ["-V"]) or not (as_json or len(arguments) == 1):
        print(f"error: {NO_PROGRAM}\nusage: python -m faramesh version [-o json]", file=sys.stderr)
        return 2
    try:
        engine = Engine()
    except EngineUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    known = {
        "engine_hash": engine.engine_hash,
        "runtime_version": engine.runtime_version,
        "version": version("faramesh"),
    }
    if as_json:
        print(json.dumps(known, indent=2))
    else:
        print(f"faramesh {known['version']} (engine {known['engine_hash']})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
