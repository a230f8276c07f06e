# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""The groups that an entry of keyed_groups with a plain key makes, as Ansible's own code for them makes them.

Imports nothing of Ansible.
"""

from __future__ import annotations

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import expression
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import is_template

_KEYS = frozenset(("key", "prefix", "separator", "parent_group", "default_value", "trailing_separator"))


def plain_key(entry):
    """A function of a host's variables that tells the key of an entry, or None when the entry needs a template engine."""
    if not isinstance(entry, dict) or not _KEYS.issuperset(entry):
        return None
    parent = entry.get("parent_group")
    if parent is not None and (not isinstance(parent, str) or is_template(parent)):
        return None
    return expression.plain(entry.get("key"))


def group_names(entry, key, leading_separator):
    """The names, not yet made safe, of the groups that an entry makes of a key; none when the key is empty.

    Raises InventoryFault when the key is of a kind that no name can be made of.
    """
    default = entry.get("default_value")
    trailing = entry.get("trailing_separator")
    if default is not None and trailing is not None:
        raise InventoryFault("keyed_groups: an entry holds both default_value and trailing_separator, which exclude each other")
    if not key:
        raw = [default] if key in (None, "") and default is not None else []
    elif isinstance(key, str):
        raw = [key]
    elif isinstance(key, list):
        raw = [default if item in (None, "") and default is not None else item for item in key]
    elif isinstance(key, dict):
        raw = [_pair(entry, name, value) for name, value in key.items()]
    else:
        raise InventoryFault(
            f"keyed_groups: {entry['key']!r} is {type(key).__name__}, and a name can be made of a text, a list and a mapping only"
        )
    prefix = entry.get("prefix") or ""
    separator = entry.get("separator", "_")
    if prefix == "" and leading_separator is False:
        separator = ""
    return [f"{prefix}{separator}{name}" for name in raw]


def _pair(entry, name, value):
    separator = entry.get("separator", "_")
    if value in (None, ""):
        if entry.get("default_value") is not None:
            value = entry["default_value"]
        elif entry.get("trailing_separator") is False:
            return name
    return f"{name}{separator}{value}"
