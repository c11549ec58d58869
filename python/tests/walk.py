"""Follows a page of the documentation: saves its files, runs its commands, compares their output.

The first word after a fence gives the kind of a block: `bash` runs, `text` is the expected output, `yaml` and `python`
with `file=` are saved, and everything else is only shown. `terminal=NAME` is a terminal with a running command,
`stop` ends that, and `exit=N` is the exit code if it is not 0.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

ROOT = pathlib.Path(__file__).parents[2]
WRITTEN_ADDRESS = "127.0.0.1:8000"
PATIENCE = 30.0
"""Seconds after which something that should happen at once is given up on, on however busy a machine."""

VOLATILE = re.compile(
    r"(?P<id>\b[0-9a-f]{8,64}\b)(?P<uuid>(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?"
    r"|(?P<date>\d{4}-\d\d-\d\d)|(?P<time>\d\d:\d\d:\d\d)|(?P<duration>\d+\.\d+ ms)|(?P<any>…)"
)
"""Parts that differ on every machine. The same id or hash must be the same everywhere, though."""


@dataclass(frozen=True)
class Block:
    """A fenced block, and where it begins: `PAGE.md:LINE`."""

    kind: str
    options: dict[str, str]
    text: str
    place: str


@dataclass
class Terminal:
    """The output of a command, and the part of it that the page has shown already."""

    process: subprocess.Popen[str]
    printed: list[str] = field(default_factory=list)
    shown: int = 0
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.printed.append(line.rstrip())

    def finish(self) -> int:
        """Wait for the end of the command and of its output."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def stop(self) -> None:
        self.process.terminate()
        self.finish()


def blocks(page: pathlib.Path) -> Iterator[Block]:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    for number, line in lines:
        if not line.startswith("```"):
            continue
        kind, *options = line.removeprefix("```").split()
        text = []
        for _, inner in lines:
            if inner == "```":
                break
            text.append(inner)
        else:
            pytest.fail(f"{page.name}:{number}: the block has no end")
        yield Block(
            kind, dict(option.partition("=")[::2] for option in options), "\n".join(text), f"{page.name}:{number}"
        )


class Walk:
    """One walk through the page."""

    def __init__(self, folder: pathlib.Path, binary: str) -> None:
        self.folder = folder
        self.address = WRITTEN_ADDRESS
        self.known: dict[str, str] = {}
        self.terminals: dict[str, Terminal] = {}
        programs = folder.parent / "programs"
        programs.mkdir()
        (programs / "faramesh").symlink_to(pathlib.Path(binary).resolve())
        # Python has SQLite in it, so no machine needs its command line for this.
        sqlite3 = programs / "sqlite3"
        sqlite3.write_text(
            f"#!{sys.executable}\nimport sqlite3, sys\nsqlite3.connect(sys.argv[1]).execute(sys.argv[2])\n"
        )
        sqlite3.chmod(0o755)
        path = os.pathsep.join([str(programs), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FARAMESH_")}
        self.environment |= {"PATH": path, "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def follow(self, block: Block) -> None:
        terminal = block.options.get("terminal", "yours")
        match block.kind:
            case "bash" if "stop" in block.options:
                self.terminals.pop(terminal).stop()
            case "bash":
                self._run(block, terminal)
            case "text":
                self._compare(block, self.terminals[terminal])
            case _ if "file" in block.options:
                # Saved in one step, as an editor does, so that no half of a policy is ever read.
                saved = self.folder.parent / "being-saved"
                saved.write_text(block.text + "\n")
                saved.replace(self.folder / block.options["file"])
            case _:
                pass  # Shown, and followed by no test.

    def _run(self, block: Block, name: str) -> None:
        if name in self.terminals and name != "yours":
            pytest.fail(f"{block.place}: something runs in the terminal `{name}` already")
        command = re.sub(r"\b[0-9a-f]{8,64}\b", lambda found: self.known.get(found[0], found[0]), block.text)
        command = command.replace(WRITTEN_ADDRESS, self.address)
        if name == "server":
            command += " --port 0"
        process = subprocess.Popen(
            ["bash", "-euc", f"exec {command}" if name != "yours" else command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        terminal = self.terminals[name] = Terminal(process)
        if name == "server":
            self.address = self._await(terminal, re.compile(r"http://(127\.0\.0\.1:\d+)"), block)[1]
            self.environment["FARAMESH_URL"] = f"http://{self.address}"
        elif name == "yours":
            code = terminal.finish()
            output = "\n".join(terminal.printed)
            expected = int(block.options.get("exit", "0"))
            assert code == expected, f"{block.place}: exit code {code}\n{output}"

    def _await(self, terminal: Terminal, pattern: re.Pattern[str], block: Block) -> re.Match[str]:
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = not terminal.reader.is_alive()
            lines = terminal.printed[terminal.shown :]
            printed = "".join(f"{line}\n" for line in lines)
            if found := pattern.search(printed):
                return found
            if ended or time.monotonic() > deadline:
                pytest.fail(f"{block.place}: this was not printed:\n{block.text}\nbut:\n{printed}")
            time.sleep(0.02)

    def _compare(self, block: Block, terminal: Terminal) -> None:
        """Wait for the lines of the block, one after the other, where `…` alone matches any number of lines."""
        names: dict[str, str] = {}
        pattern = "".join(
            r"(?:.*\n)*?" if line.strip() == "…" else self._pattern(line, names) + r"\n"
            for line in block.text.splitlines()
        )
        # Of a terminal in which something runs on, the page may show the rest later.
        ending = r"\Z" if terminal is self.terminals.get("yours") else ""
        found = self._await(terminal, re.compile(r"\A" + pattern + ending), block)
        terminal.shown += found[0].count("\n")
        self.known.update({written: found[group] for written, group in names.items()})

    def _pattern(self, line: str, names: dict[str, str]) -> str:
        def volatile(found: re.Match[str]) -> str:
            if found["id"]:
                return self._identity(found["id"], names) + (r"[-0-9a-f]{28}" if found["uuid"] else "")
            if found["any"]:
                return ".*"
            return r"\d+\.\d+ ms" if found["duration"] else re.sub(r"\d", r"\\d", re.escape(found[0]))

        parts = []
        end = 0
        line = line.rstrip().replace(WRITTEN_ADDRESS, self.address)
        line = line.replace(_by_name(WRITTEN_ADDRESS), _by_name(self.address))
        for found in VOLATILE.finditer(line):
            parts += [re.escape(line[end : found.start()]), volatile(found)]
            end = found.end()
        return "".join(parts) + re.escape(line[end:])

    def _identity(self, written: str, names: dict[str, str]) -> str:
        if written in self.known:
            return re.escape(self.known[written])
        if written in names:
            return f"(?P={names[written]})"
        names[written] = f"id_{written}"
        return rf"(?P<id_{written}>[0-9a-f]{{{len(written)}}})"


def _by_name(address: str) -> str:
    """The address as it is written for a browser."""
    return address.replace("127.0.0.1", "localhost")
