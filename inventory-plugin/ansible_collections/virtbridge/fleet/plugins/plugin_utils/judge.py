# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Tells which values of an inventory Ansible may take as they are, which it must never render, and which it must not see."""

from __future__ import annotations

import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.connection import CONNECTION_VARIABLES, checked, is_proxy
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault, kind_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import UNSAFE, Untrusted, is_template

MAX_DEPTH = 32

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")


def judged(value, believe=str, doubt=Untrusted):
    """The value with its strings told apart as those of an inventory; for what is made here, by compose."""
    return Judge(believe, doubt).value("composed", value, 0)


class Judge:
    """Tells inert strings from others, and looks at each distinct one once: most of an inventory says the same again and again."""

    def __init__(self, believe, doubt):
        self._believe = believe
        self._doubt = doubt
        self._strings = {}
        self._names = set()
        self._keys = set()
        self.dropped = set()

    def variables(self, host, given):
        if not isinstance(given, dict):
            raise InventoryFault(f"the variables of host {host[:80]!r} are {kind_of(given)}, not an object")
        variables = {}
        strings = self._strings
        for name, value in given.items():
            if name not in self._names:
                if not _VARIABLE.match(name):
                    raise InventoryFault(f"host {host!r}: {name[:80]!r} can not be the name of a variable")
                if not name.startswith("ansible_"):
                    self._names.add(name)
                elif name in CONNECTION_VARIABLES:
                    value = checked(host, name, value)
                elif not is_proxy(name, value):
                    self.dropped.add(name)
                    continue
            kind = type(value)
            if kind is str:
                variables[name] = strings[value] if value in strings else self._string(value)
            elif kind is dict or kind is list:
                variables[name] = self.value(host, value, 0)
            else:
                variables[name] = value
        return variables

    def value(self, host, value, depth):
        if isinstance(value, str):
            return self._strings[value] if value in self._strings else self._string(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth >= MAX_DEPTH:
            raise InventoryFault(f"host {host!r}: a variable is nested deeper than {MAX_DEPTH}")
        if isinstance(value, list):
            return [self.value(host, item, depth + 1) for item in value]
        if UNSAFE in value:
            if len(value) != 1 or not isinstance(value[UNSAFE], str):
                raise InventoryFault(f"host {host!r}: a mark {UNSAFE} does not hold one string")
            return self._doubt(value[UNSAFE])
        found = {}
        for key, item in value.items():
            if key not in self._keys:
                # Other marks of this family change what Ansible makes of a value (__ansible_vault is decrypted).
                if key.startswith("__ansible_"):
                    raise InventoryFault(f"host {host!r}: a variable holds the reserved key {key[:80]!r}")
                # A key can not be marked, and may be used as a text.
                if is_template(key):
                    self.dropped.add(repr(key[:80]))
                    continue
                self._keys.add(key)
            found[key] = self.value(host, item, depth + 1)
        return found

    def _string(self, text):
        found = self._doubt(text) if is_template(text) else self._believe(text)
        self._strings[text] = found
        return found
