"""Which names in a policy folder are read, which are ignored and which are mistakes.

The list is the server's, in `host/src/policies/names.rs`; nothing but the name is looked at here.
"""

from __future__ import annotations

from typing import Final, Literal

Named = Literal["policy", "tests", "ignored", "mistaken", "other"]
"""`mistaken` looks like a policy but is not read; for `other` it depends on the content."""

_LEFT_BEHIND: Final = ("~", ".bak", ".orig", ".rej", ".swp", ".swo", ".swx", ".tmp", ".old")
"""The lower-case endings of files that editors and other programs leave next to a file."""
_DOCUMENTS: Final = (".md", ".markdown", ".schema.json")
"""The lower-case endings of files that people keep next to policies."""


def named(name: str) -> Named:
    """The kind of a file of this name in a policy folder."""
    lower = _ascii_lower(name)
    if name.startswith(".") or lower.endswith(_LEFT_BEHIND) or (name.startswith("#") and name.endswith("#")):
        return "ignored"
    if name.endswith((".test.yaml", ".test.yml")):
        return "tests"
    if name.endswith((".yaml", ".yml")):
        return "policy"
    if ".yaml" in lower or ".yml" in lower:
        return "mistaken"
    return "ignored" if lower.endswith(_DOCUMENTS) else "other"


def _ascii_lower(name: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)
