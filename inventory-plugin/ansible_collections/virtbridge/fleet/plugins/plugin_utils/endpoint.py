# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Where a bridge's inventory is, when to ask it again, and what to tell a person when it does not answer with one.

Imports nothing of Ansible. Nothing here sees the token but `checked_token`, and no message holds it.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault

LONGEST_PAUSE = 30
# How many times as long as for its first byte a whole answer may take.
PATIENCE = 10
CHUNK = 1 << 20
LONGEST_ETAG = 256
LONGEST_REFUSAL = 64 * 1024
# What a bridge may compress an answer with: Python has no other before 3.14.
ENCODINGS = "gzip"

_VIEW = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\Z")
_PATH = re.compile(r"[\x21-\x7e]*\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"\Z')
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\Z")
_CLUSTER = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]|[a-z0-9]")
_GZIP_MEMBER = 16 + zlib.MAX_WBITS
_CUT = "something between here and the bridge cut or replaced it"
_WORTH_ANOTHER = frozenset((429, 500, 502, 503, 504))
_ADVICE = {
    401: "the token is missing, wrong or expired: set token, token_file or VIRTBRIDGE_TOKEN to a valid one",
    403: "the token may not read this inventory: ask for one whose scope covers it",
    400: "the bridge does not understand what it was asked: check view, and whether the collection is newer than the bridge",
    404: "there is no such inventory: check url and view",
    429: "the bridge is asked too often: sync less often, or raise its limit",
}
# By what the bridge calls it, where that says more than the status.
_ADVICE_BY_CODE = {
    "out_of_view": "set view (VIRTBRIDGE_VIEW) to one that the token may read, or ask for a token whose scope covers this one",
    "no_view": "check view (VIRTBRIDGE_VIEW): names of views are those of inventory.views in the bridge's configuration",
    "no_format": "the bridge keeps no such format: list it under inventory.formats of its configuration, or leave format out",
    "shrunk": "the view's own max_shrink holds it back; the bridge's ?why=HOST says why a host left",
    "not_synced": "nothing is wrong here: ask again when the bridge has read them once; its /readyz says what keeps it",
    "stale": "the view is set to fail while a cluster can not be seen; the bridge's /readyz says what keeps it",
}


def inventory_url(base, view=None, query=None):
    """The address of the inventory of a bridge, or of one of its views; raises InventoryFault when that is no address.

    view: None for all that the token may see. query: a mapping of parameters to texts; those without a text are left out.
    """
    parts = _split(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InventoryFault("url must start with https:// or http:// and name a host")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InventoryFault("url names a port that is none")
    if not _PATH.match(parts.path) or not _is_host(parts.hostname):
        raise InventoryFault("url holds something that no address can hold: write such characters as %XX, and a host as DNS has it")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InventoryFault("url must not hold a user, a password, a query or a fragment: the token is an option of its own")
    if view == "":
        # As the bridge has it of an empty name: a field that somebody left empty must not be the whole fleet.
        told = "view (VIRTBRIDGE_VIEW) is set and empty, which would be all that the token may see: name a view, or unset it for all"
        raise InventoryFault(told)
    if view and not _VIEW.match(view):
        raise InventoryFault(f"view {view[:80]!r} holds something other than letters, digits, '_', '.' and '-'")
    address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/v1/inventory"
    asked = {name: text for name, text in (query or {}).items() if text}
    return f"{address}{f'/{view}' if view else ''}{f'?{urlencode(asked)}' if asked else ''}"


def _is_host(name):
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def place(base):
    """Where a URL leads to, for people: without a user, a password or a query, which may be secrets."""
    parts = _split(base)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.hostname else "the given url"


def without(text, secret):
    """The text with a secret in it made unreadable: a bridge, or what stands before it, may repeat what it was sent."""
    return text.replace(secret, "<secret>") if secret else text


def checked_token(text):
    """The token without the white space around it; raises InventoryFault when it can not be one."""
    token = text.strip()
    if not _TOKEN.match(token):
        raise InventoryFault("the token is empty or holds something that a token can not hold (white space, a line break)")
    return token


def checked_etag(text):
    """The entity tag of an answer, or None when it has none that could be sent back."""
    return text if text and len(text) <= LONGEST_ETAG and _ETAG.match(text) else None


def check_type(content_type):
    """Raises InventoryFault when an answer says that it is something else than JSON. One that does not say is judged by what it holds."""
    kind = (content_type or "").partition(";")[0].strip()
    if kind and not _JSON.match(kind.lower()):
        raise InventoryFault(
            f"it answered with {_printable(kind)[:80]}, not JSON: something before the bridge answers in its place, "
            "or url is that of something else"
        )


def pause_before_retry(status, retry_after, attempt):
    """Seconds to wait before asking again, or None when asking again is of no use.

    status is None when there was no answer at all. attempt counts from 0. Retry-After is honoured up to LONGEST_PAUSE.
    """
    if status is not None and status not in _WORTH_ANOTHER:
        return None
    asked = _seconds(retry_after)
    return min(2 ** min(attempt, 10) if asked is None else asked, LONGEST_PAUSE)


def refusal(status, body, retry_after=None):
    """What to tell a person of an answer that is not a 200: what the bridge said of it, and what to do."""
    code, said, hint = _said(body)
    advice = _ADVICE_BY_CODE.get(code) or _ADVICE.get(status) or hint
    if 300 <= status < 400 and status != 304:
        advice = "redirects are not followed, so that the token goes nowhere else: set url to where the bridge really is"
    asked = _seconds(retry_after)
    again = None if asked is None else f"it wants to be asked again in {asked} s"
    return "; ".join(part for part in (f"it answered {status}{f' {said}' if said else ''}", again, advice) if part)


def not_believed(cause):
    """What to tell a person when the certificate is that of nobody who is trusted. To ask again is of no use."""
    return f"its certificate is not believed ({cause}): set ca_cert to the authority that signed it"


def read_bounded(stream, limit, seconds, encoding=None, now=time.monotonic):
    """All of a stream (bytes), read in pieces and unpacked; encoding is its Content-Encoding.

    Raises InventoryFault when it is longer than limit bytes, packed or not, takes longer than that, or is packed and not whole.
    """
    packing = (encoding or "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise InventoryFault(f"it answered in the encoding {_printable(packing)[:40]}, which was not asked for")
    end = now() + seconds
    taken = _Unpacked(limit) if packing == "gzip" else _Plain(limit)
    # What there is at once; the whole would be waited for with no limit to the time.
    read = getattr(stream, "read1", stream.read)
    while True:
        piece = read(CHUNK)
        if not piece:
            return taken.whole()
        if now() > end:
            raise InventoryFault(f"the answer was not there after {seconds} s: raise timeout if the way to the bridge is that slow")
        taken.take(piece)


def said_with(error, seconds):
    """The body of a refusal (an HTTPError), unpacked; empty when it is too long to be one of the bridge's, or does not come in that time."""
    try:
        return read_bounded(error, LONGEST_REFUSAL, seconds, error.headers.get("Content-Encoding"))
    except (OSError, EOFError, HTTPException, ValueError, InventoryFault):
        return b""


class _Plain:
    """Bytes as they come, up to a limit."""

    def __init__(self, limit):
        self._limit = limit
        self._length = 0
        self._pieces = []

    def take(self, piece):
        self._length += len(piece)
        if self._length > self._limit:
            raise InventoryFault(f"the answer is larger than {self._limit // 1000000} MB: raise max_response_mb if that is right")
        self._pieces.append(piece)

    def whole(self):
        return b"".join(self._pieces)


class _Unpacked:
    """Bytes out of gzip, one member after the other, never more of them in memory than the limit."""

    def __init__(self, limit):
        self._packed = 0
        self._limit = limit
        self._room = limit + 1
        self._plain = _Plain(limit)
        self._member = None

    def take(self, piece):
        self._packed += len(piece)
        if self._packed > self._limit:
            raise InventoryFault(f"the answer is larger than {self._limit // 1000000} MB: raise max_response_mb if that is right")
        while piece:
            if self._member is None or self._member.eof:
                self._member = zlib.decompressobj(_GZIP_MEMBER)
            try:
                unpacked = self._member.decompress(piece, self._room)
            except zlib.error as error:
                raise InventoryFault(f"the answer is not the gzip that it says it is ({error}); {_CUT}") from error
            self._room -= len(unpacked)
            self._plain.take(unpacked)
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def whole(self):
        if self._member is not None and not self._member.eof:
            raise InventoryFault(f"the answer ends before its end; {_CUT}")
        return self._plain.whole()


def _split(base):
    try:
        return urlsplit(base.strip())
    except ValueError:
        return urlsplit("")


def _seconds(retry_after):
    asked = (retry_after or "").strip()
    return int(asked[:6]) if asked.isascii() and asked.isdigit() else None


def _said(body):
    """The code, the words and the advice in the body of a refusal: RFC 9457, or the `error` of older bridges."""
    try:
        value = json.loads(body)
        error = value.get("error", value)
        code, message = error["code"], error.get("detail") or error["message"]
        clusters = error.get("clusters") or []
        text = f"{code}: {message}"
        named = frozenset(_CLUSTER.findall(text))
        unnamed = [str(name) for name in clusters if str(name) not in named] if isinstance(clusters, list) else []
        if unnamed:
            text += f" (clusters: {', '.join(unnamed)})"
        return str(code), _printable(text)[:500], _printable(str(error.get("hint") or ""))[:300]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", "", ""


def _printable(text):
    return "".join(char if char.isprintable() else " " for char in text)
