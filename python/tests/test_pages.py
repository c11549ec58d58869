"""The pages of the documentation that show commands are run as they are written."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from walk import ROOT, Block, Walk, blocks


@pytest.fixture
def walk(tmp_path: pathlib.Path) -> Iterator[Walk]:
    binary = os.environ.get("FARAMESH_BIN")
    if not binary:
        pytest.fail("FARAMESH_BIN is not set: these tests need the path of the `faramesh` binary")
    folder = tmp_path / "first-day"
    folder.mkdir()
    (folder / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    walk = Walk(folder, binary)
    try:
        yield walk
    finally:
        for terminal in walk.terminals.values():
            terminal.stop()


def follow(walk: Walk, page: str) -> set[str]:
    """Walk through a page of the repository; give the kinds of its blocks."""
    kinds = set()
    for block in blocks(ROOT / page):
        walk.follow(block)
        kinds.add(block.kind)
    return kinds


def test_the_tutorial_works_as_written(walk: Walk) -> None:
    assert follow(walk, "docs/TUTORIAL.md") == {"sh", "bash", "text", "yaml", "python"}


def test_the_readme_works_as_written(walk: Walk) -> None:
    (walk.folder / "policies").mkdir()
    assert follow(walk, "README.md") == {"sh", "bash", "text", "yaml", "python", "ts"}


def test_a_backup_is_restored_as_operating_says(walk: Walk) -> None:
    (walk.folder / "policies").mkdir()
    walk.follow(Block("bash", {"terminal": "server"}, "faramesh server start", "before"))
    submit = "faramesh actions submit --agent a --tool t --param n=1"
    walk.follow(Block("bash", {"exit": "1"}, submit, "before"))
    assert {"bash", "text"} <= follow(walk, "docs/OPERATING.md")
    walk.follow(Block("bash", {}, "faramesh actions list --output jsonl", "after"))
    assert [json.loads(line)["tool"] for line in walk.terminals["yours"].printed] == ["t"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("one\ntwo", "one\nthree"),
        ("one\ntwo", "one"),
        ("one\ntwo", "two"),
        ("id 0123abcd 0123abcd", "id ffffffff eeeeeeee\nmore"),
        ("id 0123abcd 4567abcd", "id ffffffff ffffffff"),
        ("at 12:00", "at 12:00:00"),
        ("a.c", "a…d"),
    ],
)
def test_what_was_not_printed_is_noticed(walk: Walk, printed: str, shown: str) -> None:
    walk.follow(Block("bash", {}, f"printf '{printed}\\n'", "page:1"))
    with pytest.raises(pytest.fail.Exception, match="was not printed"):
        walk.follow(Block("text", {}, shown, "page:2"))


def test_a_command_that_fails_is_noticed(walk: Walk) -> None:
    with pytest.raises(AssertionError, match="exit code 3"):
        walk.follow(Block("bash", {}, "exit 3", "page:1"))
