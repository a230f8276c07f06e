# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What an inventory document must be.

Imports nothing of Ansible: the plugin, the script beside the collection and the unit tests share it.
The document is the JSON of Ansible's script protocol. Whatever is not a whole, well formed one is an InventoryFault,
never a shorter inventory: a controller deletes the hosts that a successful sync does not name.
"""

from __future__ import annotations

import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault, kind_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.judge import Judge
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import Untrusted, marked

# A name of Kubernetes has up to 253 characters, and a host name up to three of them; a controller takes 512.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,511}\Z")


class Document:
    """A checked inventory.

    hosts: host name to variables, whose strings are what `believe` made of inert ones and `doubt` of all others.
    groups: group name to a pair of lists, its hosts and its children; every name in them exists.
    dropped: what was left out, sorted: names of connection variables that nobody may set from afar, and keys of mappings that are templates.
    """

    def __init__(self, hosts, groups, dropped):
        self.hosts = hosts
        self.groups = groups
        self.dropped = dropped


def is_name(text):
    """Whether a text can be the name of a host or a group."""
    return _NAME.match(text) is not None


def check(value, believe=str, doubt=Untrusted):
    """The Document of a parsed JSON value; raises InventoryFault, which names the place, when it is not an inventory.

    believe and doubt make of a string what whoever asks is to see of an inert one, and of one that is data for good.
    """
    if not isinstance(value, dict):
        raise InventoryFault(f"the answer is not an inventory: a JSON object is expected, not {kind_of(value)}")
    meta = value.get("_meta")
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
    if not isinstance(hostvars, dict):
        raise InventoryFault("the answer is not an inventory: it has no _meta.hostvars; is the URL that of a virtbridge?")
    if "all" not in value:
        raise InventoryFault("the answer is not an inventory: it has no group 'all'")
    judge = Judge(believe, doubt)
    hosts = {_name("host", name): judge.variables(name, given) for name, given in hostvars.items()}
    names = [_name("group", name) for name in value if name != "_meta"]
    known = frozenset(names)
    groups = {name: _group(name, value[name], hosts, known) for name in names}
    return Document(hosts, groups, sorted(judge.dropped))


def script_output(document):
    """The document as a script inventory prints it: whatever a script prints is a template to Ansible unless it is marked."""
    output = {"_meta": {"hostvars": {name: marked(given) for name, given in document.hosts.items()}}}
    grouped = set()
    for name, (hosts, children) in document.groups.items():
        output[name] = {"hosts": hosts, "children": children}
        grouped.update(hosts)
    # Of a host that is in no group a script's variables are taken for nobody's.
    output["all"]["hosts"] = [*output["all"]["hosts"], *(name for name in document.hosts if name not in grouped)]
    return output


def _name(kind, name):
    if not is_name(name):
        raise InventoryFault(f"{kind} name {name[:80]!r} holds something other than letters, digits, '_', '.' and '-'")
    return name


def _group(name, value, hosts, groups):
    if not isinstance(value, dict):
        raise InventoryFault(f"group {name!r} is {kind_of(value)}, not an object with hosts and children")
    members = value.get("hosts", [])
    children = value.get("children", [])
    for key, listed in (("hosts", members), ("children", children)):
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise InventoryFault(f"group {name!r}: {key!r} is not a list of names")
    for host in members:
        if host not in hosts:
            raise InventoryFault(f"group {name!r} names the host {host[:80]!r}, which has no variables")
    for child in children:
        # Ansible makes this one itself: it holds whatever is in no other group.
        if child not in groups and child != "ungrouped":
            raise InventoryFault(f"group {name!r} names the group {child[:80]!r}, which the answer does not hold")
    return members, children
