# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""A string for a process that prints its inventory, and does nothing else with it.

ansible-core 2.19 marks each string that may be rendered. To print one takes the mark off again, which is most of the time that a sync of a
controller takes. Its encoder makes a plain string of any other kind of string (convert_custom_scalars, ansible/_internal/_json), and prints
the same: so what is never rendered need not be marked. Other versions were not looked at, and are given what every plugin gives.
"""

from __future__ import annotations

_VERSION = "2.19."


class Printed(str):
    """An inert string. Not for plays: Ansible would warn of a kind of variable that it does not know."""

    __slots__ = ()


def is_only_printed(version, arguments, path):
    """Whether this is C(ansible-inventory --list --export) as JSON, with the source at that path alone.

    version: of ansible-core. arguments: those of the command, by name (ansible.context.CLIARGS).
    """
    return (
        version.startswith(_VERSION)
        and arguments.get("list") is True
        and arguments.get("export") is True
        and not arguments.get("yaml")
        and not arguments.get("toml")
        # Of two sources the second may render what the first gave, and a folder is as many as there are files in it.
        and tuple(arguments.get("inventory") or ()) == (path,)
    )
