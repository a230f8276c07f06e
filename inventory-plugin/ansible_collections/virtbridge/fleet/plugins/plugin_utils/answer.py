# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What a bridge answered: from bytes to the value of the JSON in them, whole or not at all."""

from __future__ import annotations

import json
import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CUT = "something between here and the bridge cut or replaced it"


def text_of(body):
    """The text of a response body (bytes); raises InventoryFault when it is empty or not UTF-8, whatever else it could be."""
    if not body.strip():
        raise InventoryFault("the answer is empty")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InventoryFault(f"the answer is not UTF-8 at byte {error.start}; {_CUT}") from error


def parse(text):
    """The JSON value of a text; raises InventoryFault when it is not one, or says something of one name twice."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
        # Of a text without this escape no string can hold half of a character: UTF-8 has none.
        return _whole(value) if _HALF.search(text) else value
    except (ValueError, RecursionError) as error:
        raise InventoryFault(f"the answer is not complete JSON ({error}); {_CUT}") from error


def _refuse_constant(text):
    raise ValueError(f"{text} is not JSON")


def _once(pairs):
    """The object of these pairs. Of two pairs of one name Python keeps the last, and a host or a group would be gone."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        twice = next(name for name, unused in pairs if name in seen or seen.add(name))
        raise ValueError(f"{twice[:80]!r} is there twice")
    return found


def _whole(value):
    """The value with half characters, which Ansible could read and then not write, replaced."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {_whole(name): _whole(item) for name, item in value.items()} if isinstance(value, dict) else value
