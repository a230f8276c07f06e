# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What a cache of Ansible remembers, whoever wrote there last. Imports nothing of Ansible."""

from __future__ import annotations

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


def recall(cache, key, read, tell):
    """What read makes of what a cache holds under a key; None when it holds nothing, only what has expired, or what is none of ours.

    cache: of Ansible, as an inventory plugin has it. read: a function of the value that gives None, or raises InventoryFault, for what it can
    not use. tell: called with the place and what is wrong there when there is something that is none of ours. Raises nothing: whatever a
    file holds, it must not stand between a controller and its inventory.
    """
    try:
        value = cache.get(key)
        if value is None and not cache._plugin.contains(key):
            return None
        found = read(value)
        if found is not None:
            return found
        reason = "it is none of ours"
    except InventoryFault as fault:
        reason = str(fault)
    except Exception:  # each version of Ansible has others for what it can not read, and their words are for who wrote it
        reason = "it can not be read"
    tell(_place(cache, key), reason)
    return None


def _place(cache, key):
    """Where that is, for people: the path of a file, of a plugin that has files."""
    plugin = cache._plugin
    try:
        # ansible-core 2.19 puts its own prefix before what it hands to the plugin.
        known = plugin._get_key(key) if hasattr(plugin, "_get_key") else key
        return f"the cache file {plugin._get_cache_file_name(known)}"
    except Exception:  # another plugin, with names of its own
        return f"the cache's entry {key}"
