"""`python -m faramesh version`: the version of the package, and the digest of the engine that it carries.

It prints what the `faramesh` program prints, and does nothing else; policies are checked and tried with that program.
"""

import json
import sys
from importlib.metadata import version

from faramesh import Engine, EngineUnavailableError


def main(arguments: list[str]) -> int:
    """Print the version; give the exit code."""
    as_json = arguments[1:] in (["-o", "json"], ["--output", "json"])
    if arguments[:1] not in (["version"], ["--version"], ["-V"]) or not (as_json or len(arguments) == 1):
        print("usage: python -m faramesh version [-o json]", file=sys.stderr)
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
