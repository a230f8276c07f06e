# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What will be added to an inventory, as long as anything can still go wrong. Imports nothing of Ansible."""

from __future__ import annotations

import os
from contextlib import contextmanager

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class Plan:
    """To Ansible's own code for constructed groups it is an inventory.

    hosts: final name to variables. members and children: group to its hosts and its groups, as ordered sets.
    """

    def __init__(self, chosen, hosts, groups):
        self.hosts = {chosen[name]: variables for name, variables in hosts.items()}
        self.members = {name: {chosen[host]: None for host in found if host in chosen} for name, (found, below) in groups.items()}
        self.children = {name: dict.fromkeys(below) for name, (found, below) in groups.items()}
        self.groups_of = {}
        for name in sorted(self.members):
            for host in self.members[name] if name != "all" else ():
                self.groups_of.setdefault(host, []).append(name)

    def add_group(self, name):
        self.members.setdefault(name, {})
        self.children.setdefault(name, {})
        return name

    def add_host(self, host, group):
        self.members[group][host] = None

    def add_child(self, group, name):
        if group == name:
            raise InventoryFault(f"keyed_groups: the group {group!r} would be its own parent")
        (self.members if name in self.hosts else self.children)[group][name] = None

    def apply(self, inventory):
        """Adds all of it. What may be wrong with groups (a circle) is found before there is a host; only then comes `all` above them."""
        groups = [group for group in self.members if group != "all"]
        for group in groups:
            if "all" in self.children[group]:
                raise InventoryFault(f"the group {group!r} has the group 'all' below it, which is above every group")
        # Ansible may be told to make other names of some (TRANSFORM_INVALID_GROUP_CHARS).
        names = {"all": "all", **{group: inventory.add_group(group) for group in groups}}
        self._connect(inventory, groups, names)
        with _known_source(inventory) as place:
            for name, variables in self.hosts.items():
                is_new = name not in inventory.hosts
                inventory.add_host(name)
                # Each variable through set_variable would be walked once more for nothing: every value here is decided.
                inventory.hosts[name].vars.update({**place, **variables} if is_new else variables)
        for group, members in self.members.items():
            add, hosts = inventory.groups[names[group]].add_host, inventory.hosts
            for host in members:
                add(hosts[host])
        # Each host that joins a group walks up what is above it, twice. Until here that is nothing, which saves a fifth of all this.
        self._connect(inventory, ["all"], names)

    def _connect(self, inventory, groups, names):
        for group in groups:
            for child in self.children[group]:
                if child != "ungrouped":
                    inventory.add_child(names[group], names[child])


@contextmanager
def _known_source(inventory):
    """
    The variables that tell which source hosts come from, which Ansible adds itself meanwhile as unknown. It would look at the file system
    anew for each host, which is a third of the time from adding them.
    """
    source = inventory.current_source
    place = {"inventory_file": source, "inventory_dir": None if source is None else os.path.dirname(os.path.abspath(source))}
    inventory.current_source = None
    try:
        yield place
    finally:
        inventory.current_source = source
