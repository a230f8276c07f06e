# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What gives variables beside inventory sources: the vars plugins of Ansible."""

from __future__ import annotations

import os

from ansible.plugins import vars as shipped
from ansible.plugins.loader import vars_loader


def reads_hosts():
    """Whether there is a vars plugin that may look at what hosts were given: any but host_group_vars, which reads files. For ansible-core 2.19."""
    try:
        from ansible.vars.plugins import _prime_vars_loader

        # As Ansible does before it asks the first of them. Only to look at their paths would keep it from that.
        if vars_loader._paths is None:
            _prime_vars_loader()
        found = [vars_loader.get(name) for name in list(vars_loader._plugin_instance_cache)]
        return any(plugin is not None and not _is_shipped(plugin._original_path) for plugin in found)
    except Exception:  # it is not as it was in the versions that were looked at: then nothing is known of it
        return True


def _is_shipped(path):
    return os.path.realpath(path) == os.path.join(os.path.realpath(os.path.dirname(shipped.__file__)), "host_group_vars.py")
