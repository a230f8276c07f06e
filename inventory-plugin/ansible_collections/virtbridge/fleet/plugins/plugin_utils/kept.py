# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What of an answer is kept in a cache: its text, and the entity tag to ask with whether it still holds. Imports nothing of Ansible.

It is kept as one text, which every cache reads and writes much quicker than the hundred thousand values in it.
"""

from __future__ import annotations

import hashlib

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.endpoint import checked_etag


class Kept:
    """An answer that was kept. etag is None where the bridge gave none."""

    def __init__(self, text, etag):
        self.text = text
        self.etag = etag

    def stored(self):
        """What a cache holds of it."""
        return {"etag": self.etag, "document": self.text}


def kept(value):
    """The Kept of what a cache holds, or None when that is not one."""
    text = value.get("document") if isinstance(value, dict) else None
    etag = value.get("etag") if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        return None
    return Kept(text, checked_etag(etag) if isinstance(etag, str) else None)


def fingerprint(*of):
    """A short name for texts, one of which may be a secret that nobody can guess: what one token may read is never given to another."""
    return hashlib.sha256("\n".join(of).encode()).hexdigest()[:16]
