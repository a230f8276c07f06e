# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""When an inventory that is whole is too small to be believed. Imports nothing of Ansible."""

from __future__ import annotations

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault, hosts_of


def check_count(hosts, min_hosts, max_shrink=None, before=None):
    """Raises InventoryFault when there are fewer than min_hosts, or more than max_shrink percent fewer than before.

    max_shrink None: a shrink is not looked at. before None: nothing is remembered, so min_hosts decides alone.
    """
    if min_hosts < 0 or (max_shrink is not None and not 0 <= max_shrink <= 100):
        raise InventoryFault("min_hosts must be 0 or more, and max_shrink from 0 to 100 (percent)")
    if hosts < min_hosts:
        raise InventoryFault(
            f"it holds {hosts_of(hosts)}, and min_hosts wants {min_hosts}: a controller would delete the others; "
            "look at the view, the filters and the token's scope, and set min_hosts (VIRTBRIDGE_MIN_HOSTS) lower if that is right"
        )
    if max_shrink is None or before is None or before <= 0:
        return
    lost = before - hosts
    if lost * 100 > before * max_shrink:
        raise InventoryFault(
            f"it holds {hosts_of(hosts)} where the last good answer held {before}, and max_shrink takes {max_shrink} percent at most; "
            "if so many are really gone, set max_shrink (VIRTBRIDGE_MAX_SHRINK, where the file leaves it open) to 100 for one run"
        )


def remembered(value):
    """The count in what the cache holds of the last good answer, or None when that is not one."""
    count = value.get("hosts") if isinstance(value, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
