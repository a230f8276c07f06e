# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What is told of an inventory that can not be used.

Imports nothing of Ansible, as all that the plugin shares with the script beside the collection.
"""

from __future__ import annotations


class InventoryFault(Exception):
    """The inventory can not be used; the message says what is wrong and what to do."""


def hosts_of(count):
    """So many hosts, for people."""
    return "1 host" if count == 1 else f"{count} hosts"


def kind_of(value):
    """What a value of JSON is, in a word or two."""
    if value is None:
        return "null"
    return {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}.get(type(value), "a number")
