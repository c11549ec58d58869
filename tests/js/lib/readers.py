"""The texts of `target/readers.jsonl` in three more readers: `urlsplit`, curl, and the expression of RFC 3986.

Mailboxes are read by `email.utils.parseaddr`. curl is asked through `curl_url` of libcurl, which opens no connection.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import email.utils
import ipaddress
import json
import re
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

# RFC 3986, appendix B.
RFC_3986 = re.compile(r"^(([^:/?#]+):)?(//([^/?#]*))?", re.DOTALL)
CURLUPART_URL, CURLUPART_HOST = 0, 5
CURLU_NON_SUPPORT_SCHEME, CURLU_GUESS_SCHEME, CURLU_ALLOW_SPACE = 1 << 3, 1 << 9, 1 << 11


def libcurl() -> ctypes.CDLL:
    name = ctypes.util.find_library("curl") or "libcurl.so.4"
    try:
        library = ctypes.CDLL(name)
        library.curl_url.restype = ctypes.c_void_p
    except (OSError, AttributeError):
        sys.exit(f"readers: `{name}` is not there or has no `curl_url`; `apt-get install libcurl4` brings it")
    library.curl_url_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    library.curl_url_get.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint]
    library.curl_url_cleanup.argtypes = [ctypes.c_void_p]
    library.curl_free.argtypes = [ctypes.c_void_p]
    return library


CURL = libcurl()


def curl(text: str, flags: int) -> str | None:
    handle = CURL.curl_url()
    try:
        if "\0" in text or CURL.curl_url_set(handle, CURLUPART_URL, text.encode(), flags) != 0:
            return None
        found = ctypes.c_void_p()
        if CURL.curl_url_get(handle, CURLUPART_HOST, ctypes.byref(found), 0) != 0:
            return None
        host = ctypes.string_at(found.value or 0).decode()
        CURL.curl_free(found)
        return host
    finally:
        CURL.curl_url_cleanup(handle)


def split(text: str) -> str | None:
    try:
        return urlsplit(text).hostname
    except ValueError:
        return None


def rfc_3986(text: str) -> str | None:
    found = RFC_3986.match(text)
    authority = found[4] if found else None
    return re.sub(r":[0-9]*$", "", authority.rpartition("@")[2]) if authority else None


def plain(host: str) -> str:
    """One spelling of a host."""
    host = host.lower().removesuffix(".").removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.IPv6Address(host)) if ":" in host else host
    except ValueError:
        return host


def readings(kind: str, text: str) -> Iterator[tuple[str, str | None]]:
    if kind == "mailbox":
        yield "parseaddr", email.utils.parseaddr(text)[1].rpartition("@")[2]
        return
    bare = "://" not in text
    readers: list[tuple[str, Callable[[str], str | None]]] = [
        ("urlsplit", split),
        ("RFC 3986", rfc_3986),
        ("curl", lambda text: curl(text, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME)),
        ("curl with spaces", lambda text: curl(text, CURLU_GUESS_SCHEME | CURLU_ALLOW_SPACE)),
    ]
    for name, reader in readers:
        yield name, reader(text)
        # A bare host is a URL to few; it becomes one when a program puts a scheme before it.
        if bare:
            yield f"{name} behind `https://`", reader(f"https://{text}")
            yield f"{name} behind `//`", reader(f"//{text}")


def main() -> None:
    read: dict[str, int] = {}
    differences: list[str] = []
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            kind, text, expected = json.loads(line)
            for reader, host in readings(kind, text):
                if not host:
                    continue
                read[reader] = read.get(reader, 0) + 1
                if plain(host) != plain(expected):
                    differences.append(f"{reader} reads {host!r} in {text!r}, not `{expected}`")
    told = ", ".join(f"{reader} {count}" for reader, count in read.items())
    print(f"hosts read: {told}; {len(differences)} differences")
    for difference in differences[:20]:
        print(difference, file=sys.stderr)
    if differences or not {"urlsplit", "curl", "RFC 3986", "parseaddr"} <= read.keys():
        sys.exit(1)


main()
