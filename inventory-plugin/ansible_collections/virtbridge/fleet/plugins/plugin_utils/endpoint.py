# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Where a bridge's inventory is, when to ask it again, and what to tell a person when it does not answer with one.

Imports nothing of Ansible. Nothing here sees the token but `checked_token`, and no message holds it.
"""

from __future__ import annotations

import json
import re
import time
from urllib.parse import urlsplit

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import InventoryFault

LONGEST_PAUSE = 30
# How many times as long as for its first byte a whole answer may take.
PATIENCE = 10
CHUNK = 1 << 20

_VIEW = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_WORTH_ANOTHER = frozenset((429, 500, 502, 503, 504))
_ADVICE = {
    401: "the token is missing, wrong or expired: set token, token_file or VIRTBRIDGE_TOKEN to a valid one",
    403: "the token may not read this inventory: ask for one whose scope covers it",
    400: "the bridge does not understand what it was asked: check view, and whether the collection is newer than the bridge",
    404: "there is no such inventory: check url and view",
    429: "the bridge is asked too often: sync less often, or raise its limit",
}


def inventory_url(base, view=None):
    """The address of the inventory of a bridge, or of one of its views; raises InventoryFault when that is no address."""
    parts = _split(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InventoryFault("url must start with https:// or http:// and name a host")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InventoryFault("url names a port that is none")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InventoryFault("url must not hold a user, a password, a query or a fragment: the token is an option of its own")
    if view and not _VIEW.match(view):
        raise InventoryFault(f"view {view[:80]!r} holds something other than letters, digits, '_', '.' and '-'")
    address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/v1/inventory"
    return f"{address}/{view}" if view else address


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


def pause_before_retry(status, retry_after, attempt):
    """Seconds to wait before asking again, or None when asking again is of no use.

    status is None when there was no answer at all. attempt counts from 0. Retry-After is honoured up to LONGEST_PAUSE.
    """
    if status is not None and status not in _WORTH_ANOTHER:
        return None
    asked = (retry_after or "").strip()
    if asked.isdigit():
        return min(int(asked[:6]), LONGEST_PAUSE)
    return min(2**min(attempt, 10), LONGEST_PAUSE)


def refusal(status, body):
    """What to tell a person of an answer that is not a 200: what the bridge said of it, and what to do."""
    said = _said(body)
    advice = _ADVICE.get(status)
    if 300 <= status < 400:
        advice = "redirects are not followed, so that the token goes nowhere else: set url to where the bridge really is"
    return "; ".join(part for part in (f"it answered {status}{' ' + said if said else ''}", advice) if part)


def read_bounded(stream, limit, seconds, now=time.monotonic):
    """All of a stream (bytes), read in pieces; raises InventoryFault when it is longer than limit bytes or takes longer than that."""
    pieces = []
    length = 0
    end = now() + seconds
    # What has come is enough: a whole CHUNK would be waited for as long as anything dribbles in.
    read = getattr(stream, "read1", stream.read)
    while True:
        piece = read(CHUNK)
        if not piece:
            return b"".join(pieces)
        if now() > end:
            raise InventoryFault(f"the answer was not there after {seconds} s: raise timeout if the way to the bridge is that slow")
        length += len(piece)
        if length > limit:
            raise InventoryFault(f"the answer is larger than {limit // 1000000} MB: raise max_response_mb if that is right")
        pieces.append(piece)


def _split(base):
    try:
        return urlsplit(base.strip())
    except ValueError:
        return urlsplit("")


def _said(body):
    try:
        error = json.loads(body)["error"]
        code, message = error["code"], error["message"]
        clusters = error.get("clusters") or []
        text = f"{code}: {message}"
        if clusters and isinstance(clusters, list):
            text += f" (clusters: {', '.join(str(name) for name in clusters)})"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return "".join(char if char.isprintable() else " " for char in text)[:500]
