"""Policies from a folder on disk: which files are read, and when a change of them counts."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import AGENT
from faramesh import Engine, PolicyInvalidError, PolicyUnavailableError, govern
from faramesh import _files as files
from faramesh import _settle as settle
from faramesh._local import LocalPolicy
from faramesh._names import named

ALLOW = "rules: [{ match: { tool: t }, allow: true }]\n"
DENY = "rules: [{ match: { tool: t }, deny: true }]\n"
HOLD = "rules: [{ match: { tool: t }, require_approval: true }]\n"
ACTION = b'{"agent_id":"a","tool":"t"}'
SECOND = 10**9


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "policies"
    path.mkdir()
    (path / "good.yaml").write_text(ALLOW)
    return path


class Hands:
    """Clocks that are moved by hand, from the present moment on."""

    def __init__(self) -> None:
        self.monotonic_ns = 0
        self.wall_ns = time.time_ns()
        self.slept: Callable[[], None] = lambda: None

    def go(self, seconds: float) -> None:
        self.monotonic_ns += round(seconds * SECOND)
        self.wall_ns += round(seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        self.go(seconds)
        self.slept()


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """A second must pass, and only by hand."""
    hands = Hands()
    clock = settle.Clock(lambda: hands.monotonic_ns, lambda: hands.wall_ns, hands.sleep)
    monkeypatch.setattr("faramesh._settle.clock", clock)
    monkeypatch.setattr("faramesh._settle.SETTLED_NS", SECOND)
    return hands


def outcome(local: LocalPolicy) -> str:
    return local.decide(ACTION).outcome


class TestNames:
    """The list is the server's; these are the cases of `host/src/policies/names.rs`."""

    @pytest.mark.parametrize(
        ("expected", "names"),
        [
            ("policy", ["a.yaml", "B.yml", "a b.yaml", "a.v2.yaml", "-a.yaml"]),
            ("tests", ["a.test.yaml", "a.test.yml"]),
            (
                "ignored",
                [
                    *(".yaml", ".a.yaml", "..data", ".git", ".a.yaml.swp", ".#a.yaml", "#a.yaml#", "a.yaml~"),
                    *("a.yaml.bak", "a.yaml.orig", "a.yaml.tmp", "a.YAML.OLD", "README.md", "policy.schema.json"),
                ],
            ),
            (
                "mistaken",
                ["a.YAML", "a.Yml", "a.yaml.txt", "a.yaml.off", "a.yaml (copy)", "a.test.YAML", "a.yaml.md"],
            ),
            ("other", ["README", "deny", "deny.txt", "deny.json", "4913", "sedAbCd", "team"]),
        ],
    )
    def test_every_name_is_read_ignored_or_a_mistake(self, expected: str, names: list[str]) -> None:
        assert {name: named(name) for name in names} == dict.fromkeys(names, expected)


def mistake(folder: pathlib.Path, kind: str) -> str:
    """Put something into the folder that was meant to be read and is not; its name."""
    texts = {
        "deny.YAML": DENY,
        "deny.yaml.txt": "not even YAML: [",
        "deny.json": '{"rules": [{"deny": true}]}',
        "deny": DENY,
        "deny.conf": "# note\n---\n  rules: []\n  description: x\n",
        "rules.test.yaml": "rules: []\ntests: []\n",
        "team/deny.yaml": DENY,
        "team/deep/er/deny.yml": DENY,
        "folder.yaml/readme.txt": "",
    }
    path = folder / kind
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind in texts:
        path.write_text(texts[kind])
        return "folder.yaml" if kind.startswith("folder.yaml") else kind
    match kind:
        case "pipe.yaml" | "pipe.test.yaml":
            os.mkfifo(path)
        case "socket.yaml":
            with socket.socket(socket.AF_UNIX) as server:
                at = pathlib.Path.cwd()
                os.chdir(folder)  # the path of a socket is short
                server.bind(kind)
                os.chdir(at)
        case "dangling.yaml":
            path.symlink_to("nothing")
        case "device.yaml":
            path.symlink_to("/dev/zero")
        case "circle.yaml":
            path.symlink_to(kind)
    return kind


MISTAKES = [
    *("deny.YAML", "deny.yaml.txt", "deny.json", "deny", "deny.conf", "rules.test.yaml", "team/deny.yaml"),
    *("team/deep/er/deny.yml", "folder.yaml/readme.txt", "pipe.yaml", "pipe.test.yaml", "socket.yaml"),
    *("dangling.yaml", "device.yaml", "circle.yaml"),
]


@pytest.mark.parametrize("kind", MISTAKES)
class TestMistakes:
    """A file that was meant to be read and is not."""

    def test_it_is_refused_when_a_tool_is_wrapped_and_named(self, folder: pathlib.Path, kind: str) -> None:
        name = mistake(folder, kind)
        with pytest.raises(PolicyInvalidError) as caught:
            govern(lambda: None, agent_id=AGENT, tool="t", policy=folder, server=None)
        assert f"`{name}` is not read: " in str(caught.value)
        assert [(one.code, one.severity, one.file) for one in caught.value.diagnostics] == [("not_read", "error", name)]
        assert caught.value.diagnostics[0].help

    def test_it_keeps_what_permits_more_out_of_force(
        self, folder: pathlib.Path, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        (folder / "good.yaml").write_text(HOLD)
        local = LocalPolicy(folder)
        assert outcome(local) == "ABSTAIN"
        name = mistake(folder, kind)
        (folder / "good.yaml").write_text(ALLOW)
        assert [outcome(local) for _ in range(3)] == ["ABSTAIN"] * 3
        (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
        assert f"`{name}` is not read" in told
        (folder / "good.yaml").write_text(DENY)
        assert outcome(local) == "HALT"

    def test_the_engine_names_it(self, engine: Engine, folder: pathlib.Path, kind: str) -> None:
        name = mistake(folder, kind)
        (found,) = engine.check(folder)
        assert (found.code, found.file, str(found).startswith(f"{name}:1:1: ")) == ("not_read", name, True)
        for ask in (engine.load, engine.check_bytes):
            with pytest.raises(PolicyInvalidError):
                ask(folder)


def test_what_belongs_beside_policies_is_ignored(engine: Engine, folder: pathlib.Path) -> None:
    for name, text in {
        "README.md": DENY,
        "a.yaml~": DENY,
        ".hidden.yaml": DENY,
        ".git/a.yaml": DENY,
        "good.test.yaml": "tests: []\n",
        "notes.txt": "rules: are good\n",
        "nested.json": '{"a": {"rules": []}}',
        "policy.schema.json": '{"rules": []}',
        "images/a.png": "",
        "large": DENY + "#" * 2**20,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    os.mkfifo(folder / "pipe")
    (folder / "linked.yaml").symlink_to(".hidden.yaml")
    assert list(engine.load(folder).files) == ["good.yaml", "linked.yaml"]
    assert outcome(LocalPolicy(folder)) == "HALT"


def test_a_name_that_is_not_utf_8_is_a_mistake(engine: Engine, folder: pathlib.Path) -> None:
    (folder / os.fsdecode(b"\xff.yaml")).write_text(DENY)
    (found,) = engine.check(folder)
    assert "its name is not UTF-8" in found.message


def test_a_pipe_by_its_own_name_is_refused(folder: pathlib.Path) -> None:
    os.mkfifo(folder / "p.yaml")
    with pytest.raises(OSError, match="it is no plain file"):
        LocalPolicy(folder / "p.yaml")


def test_a_pipe_in_the_place_of_the_file_holds_nothing_up(folder: pathlib.Path) -> None:
    local = LocalPolicy(folder / "good.yaml")
    (folder / "good.yaml").unlink()
    os.mkfifo(folder / "good.yaml")
    assert outcome(local) == "EXECUTE"


def test_a_file_that_cannot_be_read_keeps_its_content_beside_one_that_denies(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny = "rules: [{ match: { tool: t, amount_gt: 5 }, deny: true }]\n"
    (folder / "deny.yaml").write_text(deny)
    local = LocalPolicy(folder)
    large, small = (b'{"agent_id":"a","tool":"t","params":{"amount":%d}}' % amount for amount in (9, 4))
    real = files.content_of

    def refused(path: pathlib.Path) -> bytes:
        if path.name == "good.yaml":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("faramesh._files.content_of", refused)
    assert (local.decide(large).outcome, local.decide(small).outcome) == ("HALT", "EXECUTE")
    (folder / "deny.yaml").write_text(deny.replace("5", "3"))
    assert (local.decide(large).outcome, local.decide(small).outcome) == ("HALT", "HALT")


@pytest.mark.parametrize(("name", "then"), [("good.yaml", "EXECUTE"), ("deny", "HALT")])
def test_a_file_that_can_be_read_again_is_read(
    folder: pathlib.Path, hands: Hands, monkeypatch: pytest.MonkeyPatch, name: str, then: str
) -> None:
    (folder / "good.yaml").write_text(DENY)
    local = LocalPolicy(folder)
    (folder / "good.yaml").write_text(ALLOW)
    if name == "deny":
        (folder / "deny").write_text(DENY)
    hands.go(60)
    real = files.content_of

    def refused(path: pathlib.Path) -> bytes:
        if path.name == name:
            raise OSError(24, "Too many open files")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr("faramesh._files.content_of", refused)
        assert [outcome(local) for _ in range(3)] == ["HALT"] * 3
    assert outcome(local) == "HALT"
    hands.go(1)
    assert outcome(local) == then


class TestSettling:
    """A change that permits more counts when the files have not changed for a second."""

    def test_what_permits_more_waits_for_a_second_and_what_tightens_does_not(
        self, folder: pathlib.Path, hands: Hands
    ) -> None:
        local = LocalPolicy(folder)
        assert outcome(local) == "EXECUTE"
        (folder / "good.yaml").write_text(DENY)
        assert outcome(local) == "HALT"
        hands.go(1)
        assert outcome(local) == "HALT"
        (folder / "good.yaml").write_text(ALLOW)
        assert outcome(local) == "HALT"
        hands.go(0.9)
        assert outcome(local) == "HALT"
        hands.go(0.2)
        assert outcome(local) == "EXECUTE"

    def test_half_of_a_file_is_never_in_force_however_slowly_it_is_written(
        self, folder: pathlib.Path, hands: Hands
    ) -> None:
        whole = "rules:\n  - { match: { tool: t, amount_gt: 5 }, deny: true }\n"
        (folder / "good.yaml").write_text(whole)
        local = LocalPolicy(folder)
        with (folder / "good.yaml").open("w") as writer:
            for line in ["rules:\n", "  - { match: { tool: t }, allow: true }\n", "floor:\n", "  HALT: 0\n"]:
                writer.write(line)
                writer.flush()
                assert outcome(local) == "HALT"
                hands.go(0.9)
                assert outcome(local) == "HALT"

    def test_a_file_that_is_gone_for_a_moment_is_not_missed(self, folder: pathlib.Path, hands: Hands) -> None:
        (folder / "deny.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        (folder / "deny.yaml").unlink()
        assert outcome(local) == "HALT"
        hands.go(0.5)
        (folder / "deny.yaml").write_text(DENY)
        hands.go(0.6)
        assert outcome(local) == "HALT"
        (folder / "deny.yaml").unlink()
        assert outcome(local) == "HALT"
        hands.go(1)
        assert outcome(local) == "EXECUTE"

    def test_every_change_begins_the_second_anew(self, folder: pathlib.Path, hands: Hands) -> None:
        (folder / "good.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        for text in (ALLOW, ALLOW, ALLOW + "#\n", ALLOW):
            (folder / "good.yaml").write_text(text)
            assert outcome(local) == "HALT"
            hands.go(0.9)
            assert outcome(local) == "HALT"
        hands.go(0.1)
        assert outcome(local) == "EXECUTE"

    def test_a_change_that_stood_still_while_nothing_was_called_counts_at_once(
        self, folder: pathlib.Path, hands: Hands
    ) -> None:
        (folder / "deny.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        hands.wall_ns = time.time_ns() - SECOND  # file systems count time in ticks, which lag behind
        assert outcome(local) == "HALT"
        (folder / "deny.yaml").unlink()
        hands.go(60)
        assert outcome(local) == "EXECUTE"

    @pytest.mark.parametrize("by", [-30, 30])
    def test_a_wall_clock_that_is_set_ages_nothing(self, folder: pathlib.Path, hands: Hands, by: int) -> None:
        (folder / "good.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        hands.wall_ns = time.time_ns() - SECOND  # file systems count time in ticks, which lag behind
        outcome(local)
        (folder / "good.yaml").write_text(ALLOW)
        hands.wall_ns += by * SECOND
        assert outcome(local) == "HALT"
        hands.go(1)
        assert outcome(local) == "EXECUTE"

    def test_a_change_of_which_no_time_tells_is_new(
        self, folder: pathlib.Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "good.yaml").write_text(DENY)
        same = files.stamp(folder)
        monkeypatch.setattr("faramesh._files.stamp", lambda _: same)
        local = LocalPolicy(folder)
        (folder / "good.yaml").write_text(ALLOW)
        assert outcome(local) == "HALT"
        hands.go(0.5)
        assert outcome(local) == "HALT"
        hands.go(0.5)
        assert outcome(local) == "EXECUTE"

    def test_times_before_the_last_look_age_nothing(self, folder: pathlib.Path, hands: Hands) -> None:
        # A link that moves to a file whose times are old, as those of another machine's clock may be.
        (folder / "good.yaml").unlink()
        for name, text in ((".old.yaml", ALLOW), (".new.yaml", DENY)):
            (folder / name).write_text(text)
        link = folder / "good.yaml"
        link.symlink_to(".new.yaml")
        local = LocalPolicy(folder)
        hands.go(60)
        assert outcome(local) == "HALT"
        link.unlink()
        link.symlink_to(".old.yaml")
        hands.go(60)
        assert outcome(local) == "HALT"
        hands.go(1)
        assert outcome(local) == "EXECUTE"

    def test_a_file_with_an_error_never_settles_and_the_stricter_one_before_it_stays(
        self, folder: pathlib.Path, hands: Hands
    ) -> None:
        local = LocalPolicy(folder)
        (folder / "good.yaml").write_text(DENY)
        assert outcome(local) == "HALT"
        (folder / "good.yaml").write_text("rules: [")
        assert outcome(local) == "HALT"
        hands.go(60)
        assert outcome(local) == "HALT"
        (folder / "good.yaml").unlink()
        (folder / "good.yaml").write_text(ALLOW)
        assert outcome(local) == "EXECUTE"

    def test_a_folder_that_went_away_and_came_back_waits(self, folder: pathlib.Path, hands: Hands) -> None:
        (folder / "good.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        away = folder.with_name("away")
        folder.rename(away)
        assert outcome(local) == "HALT"
        (away / "good.yaml").write_text(ALLOW)
        hands.go(60)
        away.rename(folder)
        assert outcome(local) == "HALT"
        hands.go(1)
        assert outcome(local) == "EXECUTE"

    def test_a_change_while_the_files_are_read_is_not_taken_for_an_old_one(
        self, folder: pathlib.Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "good.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        hands.wall_ns = time.time_ns() - SECOND  # file systems count time in ticks, which lag behind
        outcome(local)
        (folder / "good.yaml").write_text(HOLD)
        hands.go(60)
        real = files.read

        def late(*given: Any) -> files.Listing:
            (folder / "good.yaml").write_text(ALLOW)
            return real(*given)

        monkeypatch.setattr("faramesh._files.read", late)
        assert outcome(local) == "HALT"

    def test_a_tool_is_wrapped_when_the_files_have_stood_still(self, folder: pathlib.Path, hands: Hands) -> None:
        waited = 0

        def write() -> None:
            nonlocal waited
            waited += 1
            if waited < 60:
                (folder / "good.yaml").write_text(ALLOW + "#" * waited)
            elif waited == 60:
                (folder / "good.yaml").write_text(DENY)

        hands.slept = write
        hands.wall_ns -= 60 * SECOND  # the times of the files say nothing
        assert outcome(LocalPolicy(folder)) == "HALT"
        assert waited > 100

    def test_files_that_keep_changing_are_refused(self, folder: pathlib.Path, hands: Hands) -> None:
        hands.wall_ns -= 60 * SECOND
        hands.slept = lambda: os.utime(folder / "good.yaml")
        with pytest.raises(PolicyUnavailableError, match="keep changing"):
            LocalPolicy(folder)

    def test_the_real_clock_waits_too(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("faramesh._settle.SETTLED_NS", SECOND)
        begun = time.monotonic()
        (folder / "good.yaml").write_text(DENY)
        local = LocalPolicy(folder)
        assert time.monotonic() - begun >= 0.9
        (folder / "good.yaml").write_text(ALLOW)
        begun = time.monotonic()
        while outcome(local) != "EXECUTE":
            assert time.monotonic() - begun < 30
        assert time.monotonic() - begun >= 0.9


@pytest.mark.parametrize("at", [10 * SECOND, 10 * SECOND + 5])
def test_a_file_system_that_counts_in_steps_ages_slower(at: int, hands: Hands) -> None:
    entry = files.Entry("a.yaml", 0, (0, 0), 0, (at, at))
    before, after = files.Stamp((dataclasses.replace(entry, size=1),)), files.Stamp((entry,))
    looked, now = settle.Instant(0, 9 * SECOND), settle.Instant(3 * SECOND, 12 * SECOND)
    assert settle.stood_still(before, after, looked, now) is (at % SECOND != 0)
