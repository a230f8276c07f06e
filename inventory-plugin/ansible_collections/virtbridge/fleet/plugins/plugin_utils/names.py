# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What hosts are called when the bridge's own names are not wanted. Imports nothing of Ansible."""

from __future__ import annotations

from collections import Counter

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import is_name

# A play for the machine that Ansible runs on, or for all, would be one for whoever gets such a name.
_OF_ANSIBLE = frozenset(("localhost", "127.0.0.1", "all", "ungrouped"))


def renamed(hosts, readers):
    """The name of each host (its name at the bridge to its new one), and those that could not be renamed because two would share it.

    hosts: the bridge's names and variables. readers: functions of (name, variables) that tell a name or None, the preferred first.
    What is no host name, or means something else to Ansible, is passed over. Hosts that would share a name keep the bridge's, which are
    unique, whatever their order: two machines are never merged into one host.
    """
    names = {host: _first(host, variables, readers) for host, variables in hosts.items()}
    kept = set()
    while True:
        taken = Counter(names.values())
        clash = [host for host, name in names.items() if taken[name] > 1 and name != host]
        if not clash:
            return names, sorted(kept)
        kept.update(clash)
        names.update((host, host) for host in clash)


def _first(host, variables, readers):
    for read in readers:
        name = read(host, variables)
        if isinstance(name, str) and is_name(name) and name not in _OF_ANSIBLE:
            return str(name)
    return host
