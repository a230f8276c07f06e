# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Which hosts of a document an inventory source wants: the words are those of a view of the bridge.

Imports nothing of Ansible. A filter that can not be told (an unknown word, a variable that the view does not have) is a fault,
never a wider or an empty inventory.
"""

from __future__ import annotations

import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault

MAX_CHOICES = 1000
MAX_SELECTOR = 4096
# So many labels of a virtual machine a bridge keeps, and of the rest those that its configuration names.
KEPT_LABELS = 64

_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?\Z")
_PRESENCE = re.compile(rf"(!?)\s*({_KEY})\Z")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=|>|<)\s*([^\s=!(),<>]*)\Z")
# Whole numbers of 64 bits, as Kubernetes has them; a label's value has no sign.
_WHOLE = re.compile(r"[0-9]{1,63}\Z")
_MOST = 2**63 - 1
_SIGNS = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)\Z")
_WORDS = ("clusters", "namespaces", "os", "reachable", "selector", "status")


def chosen(hosts, filters):
    """The names of the hosts (name to variables) that meet all filters, in their order; raises InventoryFault when one can not be told."""
    if not isinstance(filters, dict):
        raise InventoryFault("filters is not a mapping, such as {clusters: [prod-1], selector: 'tier in (web, db)'}")
    unknown = sorted(str(word) for word in filters if word not in _WORDS)
    if unknown:
        raise InventoryFault(f"filters: there is no {unknown[0][:80]!r}; known are {', '.join(_WORDS)}")
    tests = [_test(word, wanted) for word, wanted in filters.items()]
    return [name for name, variables in hosts.items() if all(test(name, variables) for test in tests)]


def unsure(hosts, selector):
    """The labels that a selector names and that hosts may have all the same, although they are not among their variables: (keys, hosts)."""
    named = {key for key, _operator, _values in requirements(selector)}
    missing = set()
    names = []
    for name, variables in hosts.items():
        labels = variables.get("kubevirt_labels")
        # Who has none to decide by was not asked for them: another filter leaves it out.
        if isinstance(labels, dict) and len(labels) >= KEPT_LABELS and not named.issubset(labels):
            missing.update(named.difference(labels))
            names.append(name)
    return sorted(missing), names


def requirements(selector):
    """The conditions of a label selector as kubectl takes it: (key, operator, values) with in, notin, exists, absent, gt, lt."""
    if not isinstance(selector, str) or len(selector) > MAX_SELECTOR:
        raise InventoryFault(f"filters: selector is not a text of at most {MAX_SELECTOR} characters")
    # A comma between parentheses separates values, any other one conditions.
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", selector)]
    return [_requirement(part) for part in parts] if parts != [""] else []


def _requirement(part):
    for pattern in (_PRESENCE, _EQUAL, _SET):
        found = pattern.match(part)
        if not found:
            continue
        if pattern is _PRESENCE:
            return found.group(2), "absent" if found.group(1) else "exists", ()
        key, operator, value = found.groups()
        values = tuple(one.strip() for one in value.split(",")) if pattern is _SET else (value,)
        if operator in "<>" and _whole(value) is None:
            break
        if all(_VALUE.match(one) for one in values):
            return key, _SIGNS.get(operator, operator), values
    raise InventoryFault(f"filters: selector: {part[:80]!r} is no condition on labels; write env=prod, tier in (a, b), !legacy")


def _test(word, wanted):
    if word == "selector":
        conditions = requirements(wanted)
        return lambda name, variables: _meets(_of(name, variables, "kubevirt_labels", dict), conditions)
    if word == "reachable":
        if not isinstance(wanted, bool):
            raise InventoryFault("filters: reachable is neither true nor false")
        return lambda name, variables: _reachable(name, variables, wanted)
    values = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(values, list) or not 0 < len(values) <= MAX_CHOICES or not all(isinstance(one, str) for one in values):
        raise InventoryFault(f"filters: {word} is not a list of 1 to {MAX_CHOICES} texts")
    among = frozenset(str(one) for one in values)
    if word == "os":
        return lambda name, variables: not among.isdisjoint(_systems(name, variables))
    variable = {"clusters": "kubevirt_cluster", "namespaces": "kubevirt_namespace", "status": "kubevirt_status"}[word]
    return lambda name, variables: _of(name, variables, variable, str) in among


def _of(name, variables, variable, kind):
    value = variables.get(variable)
    if not isinstance(value, kind):
        raise InventoryFault(
            f"filters: host {name!r} has no {variable} to decide by: ask a view for it that has that variable, or filter in the view"
        )
    return value


def _systems(name, variables):
    return [str(_of(name, variables, variable, str)).lower() for variable in ("kubevirt_os_family", "kubevirt_os_id")]


def _reachable(name, variables, wanted):
    is_so = _of(name, variables, "kubevirt_reachable", bool)
    # That a cluster can not be seen must not make its hosts leave: a controller would delete them.
    return is_so is wanted or _of(name, variables, "kubevirt_stale", bool)


def _meets(labels, conditions):
    for key, operator, values in conditions:
        if operator == "exists" or operator == "absent":
            if (key in labels) is (operator == "absent"):
                return False
        elif operator == "gt" or operator == "lt":
            value, bound = _whole(labels.get(key)), _whole(values[0])
            if value is None or not (value > bound if operator == "gt" else value < bound):
                return False
        elif (key in labels and labels[key] in values) is (operator == "notin"):
            return False
    return True


def _whole(value):
    number = int(value) if isinstance(value, str) and _WHOLE.match(value) else None
    return number if number is not None and number <= _MOST else None
