# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What of an answer is kept in a cache: its text, and the entity tag to ask with whether it still holds. Imports nothing of Ansible.

It is kept packed and as one short text: caches read and write that much quicker than ten megabytes, or the hundred thousand values in them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.endpoint import checked_etag, read_bounded

# A cache is on this machine.
_PATIENCE = 600


class Kept:
    """An answer that was kept. etag is None where the bridge gave none."""

    def __init__(self, text, etag):
        self.text = text
        self.etag = etag

    def stored(self):
        """What a cache holds of it."""
        # The quickest level, and no time in it: the same answer is stored as the same bytes.
        packed = gzip.compress(self.text.encode(), 1, mtime=0)
        return {"etag": self.etag, "document": base64.b64encode(packed).decode("ascii")}


def kept(value, limit):
    """The Kept of what a cache holds, or None when that is not one, or unpacks to more than limit bytes."""
    packed = value.get("document") if isinstance(value, dict) else None
    etag = value.get("etag") if isinstance(value, dict) else None
    if not isinstance(packed, str) or not packed:
        return None
    try:
        text = read_bounded(io.BytesIO(base64.b64decode(packed, validate=True)), limit, _PATIENCE, "gzip").decode("utf-8")
    except (ValueError, InventoryFault):
        return None
    return Kept(text, checked_etag(etag) if isinstance(etag, str) else None)


def fingerprint(*of):
    """A short name for texts, one of which may be a secret that nobody can guess: what one token may read is never given to another."""
    return hashlib.sha256("\n".join(of).encode()).hexdigest()[:16]
