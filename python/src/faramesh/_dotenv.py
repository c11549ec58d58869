"""The lines of `.env`, read as the server and the command line read them (the grammar of Rust's `dotenvy`).

A malformed line that sets one of our own variables is an error; a malformed line for another program is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final

_LINE: Final = re.compile(r"\s*(?:export\s+(?=[A-Za-z_]))?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)\Z", re.DOTALL)
_OURS: Final = re.compile(r"\s*(?:export\s+)?(FARAMESH_[A-Za-z0-9_.]*)")
_ESCAPED: Final = {"\\": "\\", "'": "'", '"': '"', "$": "$", " ": " ", "n": "\n"}
_NAME: Final = re.compile(r"\$(?:\{([^}]*)\}|([^\W_]*))")


class MalformedLineError(ValueError):
    """A line that sets a variable of ours and cannot be read."""

    def __init__(self, line: int, name: str) -> None:
        super().__init__(f"line {line} cannot be read")
        self.line = line
        self.name = name


def parse(text: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that the lines set; of two lines with one name the first counts.

    `$NAME` is a variable of the environment, else of a line before.
    """
    found: dict[str, str] = {}
    for number, line in _lines(text):
        match = _LINE.match(line.rstrip())
        if match is None:
            if ours := _OURS.match(line):
                raise MalformedLineError(number, ours[1])
            continue
        name, value = match[1], match[2]
        try:
            read = "" if value.startswith("#") else _value(value, found, environment)
        except ValueError:
            if name.startswith("FARAMESH_"):
                raise MalformedLineError(number, name) from None
            continue
        found.setdefault(name, read)
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines, where one goes on as long as a quote in it is open; with the number of its first."""
    begun, number = "", 0
    for at, line in enumerate(text.split("\n"), start=1):
        number = number if begun else at
        whole = f"{begun}\n{line}" if begun else line
        if _is_open(whole):
            begun = whole
        else:
            begun = ""
            yield number, whole
    if begun:
        # A quote that never ends is a mistake in its first line only, as far as the others are concerned.
        first, *rest = begun.split("\n")
        yield number, first
        yield from ((number + at, line) for at, line in enumerate(rest, start=1))


def _is_open(line: str) -> bool:
    match = _LINE.match(line)
    if match is None or match[2].startswith("#"):
        return False
    quote, escaped = "", False
    for letter in match[2]:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in " \t":
            break
    return bool(quote)


def _value(text: str, found: Mapping[str, str], environment: Mapping[str, str]) -> str:
    read, at, quote = "", 0, ""
    while at < len(text):
        letter = text[at]
        at += 1
        if quote == "'":
            quote, read = ("", read) if letter == "'" else (quote, read + letter)
        elif letter == "\\":
            read += _ESCAPED[text[at]] if text[at : at + 1] in _ESCAPED else _refused(text)
            at += 1
        elif letter == "$":
            name = _NAME.match(text, at - 1)
            if name is None:
                raise ValueError(text)
            named = name[1] if name[1] is not None else name[2]
            read += environment.get(named, found.get(named, "")) if named else ""
            at = name.end()
        elif letter == quote:
            quote = ""
        elif quote:
            read += letter
        elif letter in "'\"":
            quote = letter
        elif letter in " \t":
            rest = text[at:].strip(" \t")
            if rest and not rest.startswith("#"):
                raise ValueError(text)
            break
        else:
            read += letter
    if quote:
        raise ValueError(text)
    return read


def _refused(text: str) -> str:
    raise ValueError(text)
