# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""The variables of a connection that are taken from afar, and what each may be."""

from __future__ import annotations

import json
import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import is_template

# A leading dash would be an option to ssh.
_ADDRESS = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]{0,252}\Z")
# As Unix, Windows and Kerberos have them: root, CORP\\admin, admin@CORP.EXAMPLE.
_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@\\-]{0,126}[A-Za-z0-9_.$-])?\Z")
# The one command that may be run here to reach a guest: through the API server of its cluster, with words that no shell looks at twice.
_PROXY_VARIABLE = "ansible_ssh_common_args"
_PROXY = re.compile(
    r'-o ProxyCommand="virtctl port-forward --stdio=true'
    r"(?: --kubeconfig=/[A-Za-z0-9_./-]{1,250})?(?: --context=[A-Za-z0-9_.@:-]{1,263})?"
    r' vm/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])? [1-9][0-9]{0,4}"\Z'
)

_CONNECTIONS = frozenset(
    name for short in ("ssh", "paramiko_ssh", "winrm", "psrp") for name in (short, "ansible.builtin." + short)
)
# `local` and the like would run a guest's tasks on the execution node, hence the list of connections; variables that name
# a command or its arguments (ansible_ssh_common_args, ansible_winrm_kinit_cmd) would run there too, hence the list of names.
CONNECTION_VARIABLES = frozenset(
    (
        "ansible_host",
        "ansible_port",
        "ansible_connection",
        "ansible_user",
        "ansible_shell_type",
        "ansible_winrm_scheme",
        "ansible_winrm_path",
        "ansible_winrm_transport",
        "ansible_winrm_message_encryption",
        "ansible_winrm_server_cert_validation",
        "ansible_winrm_kerberos_hostname_override",
        "ansible_winrm_operation_timeout_sec",
        "ansible_winrm_read_timeout_sec",
        "ansible_psrp_protocol",
        "ansible_psrp_path",
        "ansible_psrp_auth",
        "ansible_psrp_message_encryption",
        "ansible_psrp_cert_validation",
        "ansible_psrp_negotiate_hostname_override",
        "ansible_psrp_connection_timeout",
        "ansible_psrp_operation_timeout",
        "ansible_psrp_read_timeout",
    )
)


def is_address(text):
    """Whether a text can be what a host is reached at."""
    return _ADDRESS.match(text) is not None


def is_proxy(name, value):
    """Whether a variable is the one command that leads to a guest through the API server of its cluster."""
    return name == _PROXY_VARIABLE and isinstance(value, str) and _PROXY.match(value) is not None


def checked(host, name, value):
    """The value of one of CONNECTION_VARIABLES; raises InventoryFault for one that it may not have."""
    # In the format kubevirt.core a host without a port of its own says so, and Ansible takes the usual one.
    if name == "ansible_port" and value is None:
        return value
    if name == "ansible_port" and isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536:
        return value
    if name == "ansible_host" and isinstance(value, str) and is_address(value):
        return value
    if name == "ansible_connection" and isinstance(value, str) and value in _CONNECTIONS:
        return value
    if name == "ansible_user" and isinstance(value, str) and _USER.match(value):
        return value
    if name not in ("ansible_port", "ansible_host", "ansible_connection", "ansible_user"):
        if isinstance(value, (bool, int, float)) or (isinstance(value, str) and not is_template(value)):
            return value
    raise InventoryFault(f"host {host!r}: {json.dumps(value)[:80]} is no value for {name}")
