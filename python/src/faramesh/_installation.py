"""Whether this package is whole: the distribution `faramesh-sdk` owns the same import name.

Installing both mixes their files in one folder, and removing one deletes files of the other. A gate with parts of
another package is not safe, so it is not imported. Imported by `_types`, without which nothing here works.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Final

FILES: Final = frozenset(
    {
        "__init__.py",
        "__main__.py",
        "_arguments.py",
        "_cache.py",
        "_canonical.py",
        "_client.py",
        "_contexts.py",
        "_dotenv.py",
        "_drive.py",
        "_engine.py",
        "_errors.py",
        "_files.py",
        "_govern.py",
        "_held.py",
        "_installation.py",
        "_local.py",
        "_names.py",
        "_policy.py",
        "_road.py",
        "_settings.py",
        "_settle.py",
        "_terms.py",
        "_text.py",
        "_types.py",
        "_wasm.py",
        "_wire.py",
    }
)
"""The modules of this package. A test compares them with the folder."""

_MEND: Final = (
    "run `pip uninstall -y faramesh-sdk faramesh`, then install the one of them that this program needs; "
    "an environment can have only one"
)


def check() -> None:
    """Raise `ImportError` where files of another distribution are among ours, or ours are not all there."""
    folder = Path(__file__).parent
    if not _is_ours(folder / "__init__.py"):
        raise ImportError(
            f"the package `faramesh` in `{folder}` is incomplete or has the files of another distribution: its "
            f"`__init__.py` is missing or not its own; {_MEND}"
        )
    found = {path.name for path in folder.glob("*.py")}
    if foreign := sorted(found - FILES):
        raise ImportError(
            f"the package `faramesh` in `{folder}` has files of another distribution, such as `{foreign[0]}`; {_MEND}"
        )
    if missing := sorted(FILES - found):
        raise ImportError(f"the package `faramesh` in `{folder}` is incomplete: `{missing[0]}` is missing; {_MEND}")
    if (other := _other()) is not None:
        warnings.warn(
            f"`faramesh-sdk` is installed too, in `{other}`, and owns the same import name; {_MEND}",
            RuntimeWarning,
            stacklevel=2,
        )


def _is_ours(file: Path) -> bool:
    """Whether a file is the `__init__.py` of this package, which imports this very module."""
    try:
        return b"import faramesh._installation" in file.read_bytes()
    except OSError:
        return False


def _other() -> str | None:
    """The folder that the other distribution is installed in; looked up by hand, in a fraction of a millisecond."""
    for folder in dict.fromkeys(sys.path):
        try:
            names = [entry.name for entry in os.scandir(folder or ".")]
        except OSError:
            continue
        if any(name.startswith("faramesh_sdk-") and name.endswith((".dist-info", ".egg-info")) for name in names):
            return folder
    return None


check()
