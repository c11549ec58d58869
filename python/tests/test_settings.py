"""Which server is asked, with which key: the rules of `docs/SETTINGS.md`."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from conftest import AGENT, FakeServer, Reply
from faramesh import AccessRefusedError, Client, ServerUnavailableError, SettingsError, _cache, _settings, govern
from faramesh._dotenv import parse
from faramesh._settings import Settings

ROOT = pathlib.Path(__file__).parents[2]
DEFAULT = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARAMESH_CACHE_DIR")
    return tmp_path


def gathered(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], dotenv: dict[str, str], **given: Any) -> Settings:
    for name, value in env.items():
        monkeypatch.setenv(f"FARAMESH_{name}", value)
    pathlib.Path(".env").write_text("".join(f"FARAMESH_{name}={value}\n" for name, value in dotenv.items()))
    return Settings.gather(**given)


@pytest.mark.parametrize(
    ("env", "dotenv", "given", "url"),
    [
        ({}, {}, {}, DEFAULT),
        ({}, {"URL": "http://d"}, {}, "http://d"),
        ({"URL": "http://e"}, {"URL": "http://d"}, {}, "http://e"),
        ({"URL": "http://e"}, {"URL": "http://d"}, {"base_url": "http://g"}, "http://g"),
        ({}, {"PORT": "8137"}, {}, "http://127.0.0.1:8137"),
        ({}, {"HOST": "10.0.0.1"}, {}, "http://10.0.0.1:8000"),
        ({"PORT": "9"}, {"URL": "http://d"}, {}, "http://127.0.0.1:9"),
        ({"PORT": "9"}, {"HOST": "h"}, {}, "http://h:9"),
        ({"URL": "", "PORT": "9"}, {"URL": "http://d"}, {}, "http://127.0.0.1:9"),
        ({"URL": ""}, {"URL": "http://d"}, {}, DEFAULT),
        ({}, {"HOST": "0.0.0.0", "PORT": "1"}, {}, "http://127.0.0.1:1"),
        ({}, {"HOST": "::", "PORT": "1"}, {}, "http://[::1]:1"),
        ({}, {"HOST": "::1"}, {}, "http://[::1]:8000"),
        ({}, {"HOST": "localhost"}, {}, "http://localhost:8000"),
        ({}, {"URL": "http://127.0.0.1:8137", "PORT": "8137"}, {}, "http://127.0.0.1:8137"),
        ({}, {"URL": "http://elsewhere:8137", "PORT": "8000"}, {}, "http://elsewhere:8137"),
        ({"URL": "http://127.0.0.1:1"}, {"PORT": "2"}, {}, "http://127.0.0.1:1"),
    ],
)
def test_the_address(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], dotenv: dict[str, str], given: dict[str, str], url: str
) -> None:
    assert gathered(monkeypatch, env, dotenv, **given).base_url == url


@pytest.mark.parametrize(
    ("env", "dotenv", "names"),
    [
        ({}, {"URL": "http://127.0.0.1:8137", "PORT": "8000"}, ("http://127.0.0.1:8137", "8000", "`.env`")),
        ({"URL": "http://localhost", "PORT": "8000"}, {}, ("http://localhost", "8000", "the environment")),
        ({"URL": "http://[::1]:9", "PORT": "8000"}, {}, ("[::1]:9", "8000")),
        ({"PORT": "abc"}, {}, ("FARAMESH_PORT", "abc", "the environment")),
        ({}, {"PORT": "65536"}, ("FARAMESH_PORT", "65536", "`.env`")),
        ({}, {"PORT": "0"}, ("FARAMESH_PORT",)),
        ({}, {"HOST": "http://h"}, ("FARAMESH_HOST", "http://h", "`.env`")),
        ({}, {"HOST": "user@h"}, ("FARAMESH_HOST",)),
    ],
)
def test_what_contradicts_itself_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], dotenv: dict[str, str], names: tuple[str, ...]
) -> None:
    with pytest.raises(SettingsError) as caught:
        gathered(monkeypatch, env, dotenv)
    assert all(name in str(caught.value) for name in names)
    ran: list[int] = []
    with pytest.raises(SettingsError):
        govern(ran.append, agent_id=AGENT, tool="t")(1)
    assert ran == []


@pytest.mark.parametrize(
    ("env", "dotenv", "given", "key"),
    [
        ({"API_KEY": "e"}, {"API_KEY": "d"}, {}, "e"),
        ({}, {"API_KEY": "d"}, {}, "d"),
        ({"TOKEN": "t"}, {"API_KEY": "d"}, {}, "t"),
        ({"TOKEN": "t", "API_KEY": "e"}, {}, {}, "e"),
        ({"API_KEY": ""}, {"API_KEY": "d"}, {}, None),
        ({"API_KEY": "e", "URL": "http://e"}, {}, {}, "e"),
        ({"API_KEY": "e"}, {"URL": "http://d"}, {}, None),
        ({"API_KEY": "e"}, {"PORT": "9"}, {}, None),
        ({"API_KEY": "e", "PORT": "9"}, {"HOST": "h"}, {}, None),
        ({"API_KEY": "e"}, {"URL": "http://d", "API_KEY": "d"}, {}, "d"),
        ({"API_KEY": "e"}, {"URL": "http://d", "TOKEN": "t"}, {}, "t"),
        ({"URL": "http://e"}, {"API_KEY": "d"}, {}, None),
        ({"URL": "http://e"}, {"API_KEY": "d"}, {"api_key": "g"}, "g"),
        ({"URL": "http://e"}, {"API_KEY": "d"}, {"base_url": "http://g"}, "d"),
        ({"API_KEY": "e"}, {"URL": "http://d"}, {"base_url": "http://g"}, "e"),
    ],
)
def test_a_key_goes_only_where_it_may(
    monkeypatch: pytest.MonkeyPatch,
    env: dict[str, str],
    dotenv: dict[str, str],
    given: dict[str, str],
    key: str | None,
) -> None:
    settings = gathered(monkeypatch, env, dotenv, **given)
    assert settings.api_key == key
    held_back = key is None and "API_KEY" in {**env, **dotenv} and env.get("API_KEY") != ""
    assert (settings.withheld is not None) == held_back


def test_a_key_that_was_held_back_is_named(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.script("submit", Reply(401, {"title": "a key is needed"}))
    monkeypatch.delenv("FARAMESH_URL")
    monkeypatch.setenv("FARAMESH_API_KEY", "fmk_secret")
    pathlib.Path(".env").write_text(f"FARAMESH_URL={fake.url}\n")
    with Client() as client, pytest.raises(AccessRefusedError) as caught:
        client.submit(AGENT, "t")
    assert "`FARAMESH_API_KEY` of the environment was not sent, because the address comes from `.env`" in str(
        caught.value
    )
    assert f"`{fake.url}` (from `.env`)" in str(caught.value)
    assert "fmk_secret" not in str(caught.value)
    assert "Authorization" not in fake.seen[0].headers


def test_a_server_that_is_away_is_named_with_where_its_address_is_from() -> None:
    pathlib.Path(".env").write_text("FARAMESH_PORT=1\n")
    with pytest.raises(ServerUnavailableError, match=r"`http://127\.0\.0\.1:1` \(from `\.env`\)"):
        govern(lambda: None, agent_id=AGENT, tool="t")()


def test_a_name_that_is_none_draws_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pathlib.Path(".env").write_text("FARAMESH_PROT=9\nOTHER=1\n")
    assert Settings.gather().base_url == DEFAULT
    assert "unknown `FARAMESH_PROT`" in caplog.text
    assert "did you mean `FARAMESH_PORT`?" in caplog.text


@pytest.mark.parametrize(
    "line", ["FARAMESH_URL='http://d", "FARAMESH_URL=a b", "export FARAMESH_URL", "FARAMESH_URL=\\q"]
)
def test_a_line_of_ours_that_cannot_be_read_is_an_error(line: str) -> None:
    pathlib.Path(".env").write_text(f"A=1\n{line}\n")
    with pytest.raises(SettingsError, match=r"line 2 of .*FARAMESH_URL"):
        govern(lambda: None, agent_id=AGENT, tool="t")


LINES: list[tuple[str, dict[str, str]]] = [
    ("A=1", {"A": "1"}),
    ("A=1\nA=2", {"A": "1"}),
    ("\ufeffA=1", {}),
    ("export A=1", {"A": "1"}),
    ("export=1", {"export": "1"}),
    ("A = 1", {"A": "1"}),
    ("A=", {"A": ""}),
    ("A=   # none", {"A": ""}),
    ("# A=1", {}),
    ("A=b # c", {"A": "b"}),
    ("A=b#c", {"A": "b#c"}),
    ("A='b # c'", {"A": "b # c"}),
    ('A="b \\" c"', {"A": 'b " c'}),
    ("A=b\\ c", {"A": "b c"}),
    ("A='$B'\nC=\"${A}d\"", {"A": "$B", "C": "$Bd"}),
    ("A=1\nB=http://h:$A", {"A": "1", "B": "http://h:1"}),
    ("A='1\n2'\nB=3", {"A": "1\n2", "B": "3"}),
    ("A=b c\nB=1", {"B": "1"}),
    ("not a line\nB=1", {"B": "1"}),
    ("A='never closed\nB=1", {"B": "1"}),
    ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
]


@pytest.mark.parametrize(("text", "found"), LINES)
def test_the_lines_are_read_as_the_server_reads_them(text: str, found: dict[str, str]) -> None:
    assert parse(text) == found


def test_a_file_with_a_byte_order_mark() -> None:
    pathlib.Path(".env").write_bytes(b"\xef\xbb\xbfFARAMESH_URL=http://d\n\xff\xfe=x\n")
    assert Settings.gather().base_url == "http://d"


def test_the_folder_does_not_say_where_code_is_read(monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path) -> None:
    pathlib.Path(".env").write_text("FARAMESH_CACHE_DIR=engines\nFARAMESH_ENGINE_WASM=engine.wasm\n")
    assert _cache.folder() != folder / "engines"
    assert _settings.setting("FARAMESH_ENGINE_WASM") is None
    monkeypatch.setenv("FARAMESH_CACHE_DIR", "others")
    assert _cache.folder() == folder / "others"


@pytest.mark.parametrize(
    "text",
    [
        "FARAMESH_URL=http://d/${FARAMESH_API_KEY}\n",
        'FARAMESH_URL="http://d/${OTHER}"\n',
        "A=$OTHER\nFARAMESH_URL=http://d/$A\n",
        "OTHER=mine\nFARAMESH_HOST=$OTHER.d\n",
    ],
)
def test_nothing_of_the_shell_becomes_a_part_of_a_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARAMESH_API_KEY", "fmk_00000000_secret")
    monkeypatch.setenv("OTHER", "0123")
    pathlib.Path(".env").write_text(text)
    with pytest.raises(SettingsError, match="from the environment"):
        Settings.gather()


def test_a_file_takes_parts_of_its_own_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "0123")
    pathlib.Path(".env").write_text("LITERAL='$OTHER'\nMORE=$OTHER\nBASE=d\nFARAMESH_URL=http://${BASE}\n")
    assert Settings.gather().base_url == "http://d"


def test_every_documented_variable_is_known() -> None:
    page = (ROOT / "docs" / "SETTINGS.md").read_text()
    listed = set(re.findall(r"^\| `(FARAMESH_[A-Z_]+)`(?:, or `(FARAMESH_[A-Z_]+)`)?", page, flags=re.MULTILINE))
    names = {name for pair in listed for name in pair if name}
    assert names == _settings.KNOWN


def test_a_dotenv_file_of_another_folder_says_nothing(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("FARAMESH_URL=http://d\n")
    (folder / "inside").mkdir()
    monkeypatch.chdir(folder / "inside")
    settings: Any = Settings.gather()
    assert settings.base_url == DEFAULT
