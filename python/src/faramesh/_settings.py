"""Where the server is and which key it gets: explicit arguments, the environment, then `.env` in the current folder.

The rules are those of `docs/SETTINGS.md`, which the server and the command line follow too. A key only goes to an
address that was set where the key was set, that was given explicitly, or that nothing set. Nothing is sent here.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from typing_extensions import Self

from faramesh._dotenv import MalformedLineError, parse
from faramesh._errors import SettingsError

log = logging.getLogger("faramesh")

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
DEFAULT_TIMEOUT: Final = 10.0
RETRY_DELAYS: Final = (0.1, 0.5, 2.0)
"""Seconds before each further try; long enough for a server to restart, short enough for a person to wait."""

KNOWN: Final = frozenset(
    {
        "FARAMESH_ALLOW_ORIGIN",
        "FARAMESH_API_KEY",
        "FARAMESH_APPROVAL_TTL",
        "FARAMESH_BUNDLE_MAX_AGE",
        "FARAMESH_CACHE_DIR",
        "FARAMESH_DB",
        "FARAMESH_ENGINE_WASM",
        "FARAMESH_HOST",
        "FARAMESH_LOG",
        "FARAMESH_MAX_BODY",
        "FARAMESH_MAX_CONNECTIONS",
        "FARAMESH_POLICIES",
        "FARAMESH_PORT",
        "FARAMESH_RECORD_SKEW",
        "FARAMESH_RESULT_TTL",
        "FARAMESH_START_TTL",
        "FARAMESH_TOKEN",
        "FARAMESH_URL",
    }
)
"""The names that `docs/SETTINGS.md` lists; another one in `.env` draws a warning."""

NEVER_OF_A_FOLDER: Final = frozenset({"FARAMESH_CACHE_DIR", "FARAMESH_ENGINE_WASM"})
"""Variables that `.env` never sets: they name code that runs as part of the program, or that decides."""

Source = Literal["the environment", "`.env`"]
ENVIRONMENT: Final[Source] = "the environment"
DOTENV: Final[Source] = "`.env`"


def read_dotenv(folder: Path | None = None) -> Mapping[str, str]:
    """The `FARAMESH_` variables of `.env` in a folder, by default the current one; none where there is no such file.

    Lines of other programs are passed over, whatever form they have.
    """
    path = (folder or Path.cwd()) / ".env"
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"`{path}` cannot be read: {error.strerror}") from error
    try:
        found = {name: value for name, value in parse(text).items() if name.startswith("FARAMESH_")}
        alone = parse(text, environment={})
    except MalformedLineError as error:
        raise SettingsError(f"line {error.line} of `{path}`, which sets `{error.name}`, cannot be read") from error
    for name, value in found.items():
        # `http://example.com/$SECRET` would send a secret of the shell to an address of the folder.
        if alone.get(name) != value:
            raise SettingsError(f"`{path}` takes a part of `{name}` from the environment; write the value itself")
    for name in found.keys() & NEVER_OF_A_FOLDER:
        log.warning("`%s` sets `%s`, which counts only in the environment", path, name)
        del found[name]
    for name in found.keys() - KNOWN:
        near = difflib.get_close_matches(name, KNOWN, n=1)
        log.warning("unknown `%s` in `%s`%s", name, path, f"; did you mean `{near[0]}`?" if near else "")
    return found


def setting(name: str) -> str | None:
    """One setting: from the environment, else from `.env` in the current folder; an empty one counts as unset."""
    if name in os.environ:
        return os.environ[name] or None
    return read_dotenv().get(name) or None


@dataclass(frozen=True)
class Settings:
    """Where the server is and how to talk to it."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: float
    retry_delays: tuple[float, ...]
    origin: str = "given explicitly"
    """Where the address comes from, for messages."""
    withheld: str | None = None
    """Which key was not sent, and why; for messages."""

    @classmethod
    def gather(
        cls,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        dotenv: Mapping[str, str] | None = None,
    ) -> Self:
        """The settings by the rules of `docs/SETTINGS.md`; `dotenv` is what `.env` said when it was read.

        Raises `SettingsError` where a source contradicts itself, or has a value that cannot be used.
        """
        sources: dict[Source, Mapping[str, str]] = {
            ENVIRONMENT: os.environ,
            DOTENV: read_dotenv() if dotenv is None else dotenv,
        }
        url, source = (base_url, None) if base_url else _address(sources)
        origin = "given explicitly" if base_url else f"from {source}" if source else "the default"
        key, withheld = (api_key, None) if api_key else _key(sources, None if base_url else source)
        return cls(url.rstrip("/"), key, timeout, RETRY_DELAYS, origin, withheld)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _address(sources: Mapping[Source, Mapping[str, str]]) -> tuple[str, Source | None]:
    """The address, and the source that it counts as coming from; none where nothing sets one."""
    for source, found in sources.items():
        if url := _value(sources, source, "FARAMESH_URL"):
            _refuse_two_ports(source, url, found.get("FARAMESH_PORT"))
            return url, source
        if _value(sources, source, "FARAMESH_HOST") or _value(sources, source, "FARAMESH_PORT"):
            host, host_source = _strongest(sources, "FARAMESH_HOST")
            port, port_source = _strongest(sources, "FARAMESH_PORT")
            weaker = DOTENV if DOTENV in (host_source, port_source) else ENVIRONMENT
            return _made(host, host_source, port, port_source), weaker
    return f"http://{DEFAULT_HOST}:{DEFAULT_PORT}", None


def _value(sources: Mapping[Source, Mapping[str, str]], source: Source, name: str) -> str | None:
    """The value that `source` gives `name`, unless a stronger source hides it by setting it to nothing."""
    if source == DOTENV and sources[ENVIRONMENT].get(name) == "":
        return None
    return sources[source].get(name) or None


def _strongest(sources: Mapping[Source, Mapping[str, str]], name: str) -> tuple[str | None, Source | None]:
    return next(((value, source) for source in sources if (value := _value(sources, source, name))), (None, None))


def _made(host: str | None, host_source: Source | None, port: str | None, port_source: Source | None) -> str:
    number = DEFAULT_PORT if port is None else _port(port, port_source)
    name = (host or DEFAULT_HOST).strip().strip("[]")
    try:
        address = ip_address(name)
    except ValueError:
        if not name or any(letter in name for letter in "/:@?# "):
            raise SettingsError(f"`FARAMESH_HOST` is `{host}` in {host_source}, which is no host") from None
        return f"http://{name}:{number}"
    if address.is_unspecified:
        name = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - the version of IP
    return f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"


def _port(text: str, source: Source | None) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**16):
        raise SettingsError(f"`FARAMESH_PORT` is `{text}` in {source}, which is no port")
    return int(text)


def _refuse_two_ports(source: Source, url: str, port: str | None) -> None:
    if not port:
        return
    try:
        parts = urlsplit(url)
        known = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        local = is_loopback(parts.hostname or "")
    except ValueError:
        return  # an address that is none fails when it is asked
    if local and known != _port(port, source):
        raise SettingsError(
            f"{source} sets `FARAMESH_URL={url}` and `FARAMESH_PORT={port}`, and one of the two ports is a mistake"
        )


def _key(sources: Mapping[Source, Mapping[str, str]], address: Source | None) -> tuple[str | None, str | None]:
    """The key for an address of this source, and which one is held back; an address of no source may get any key."""
    keys = [
        (source, name, value)
        for source in sources
        for name in ("FARAMESH_API_KEY", "FARAMESH_TOKEN")
        if (value := _value(sources, source, name))
    ]
    for source, _, value in keys:
        if address in (None, source):
            return value, None
    for source, name, _ in keys:
        return None, f"`{name}` of {source} was not sent, because the address comes from {address}"
    return None, None
