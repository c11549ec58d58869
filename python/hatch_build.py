"""Puts the `faramesh` program into a wheel where `FARAMESH_BINARY` names one.

`FARAMESH_WHEEL_TAG` says for which platforms that program was built. Without them the wheel is pure Python, as before.
`cargo xtask dist` sets both.
"""

import os
import pathlib
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Program(BuildHookInterface[Any]):
    """Adds the program as a script: installers put it where `faramesh` is found."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Change what goes into the wheel."""
        del version
        binary = os.environ.get("FARAMESH_BINARY")
        if not binary:
            return
        if pathlib.Path(binary).name != "faramesh":
            message = "FARAMESH_BINARY does not name a program called `faramesh`"
            raise ValueError(message)
        build_data["shared_scripts"] = {binary: "faramesh"}
        build_data["pure_python"] = False
        build_data["tag"] = os.environ["FARAMESH_WHEEL_TAG"]
