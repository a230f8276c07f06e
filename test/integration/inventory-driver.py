"""Reads inventory sources with Ansible's own InventoryManager, many in one process: what a start of Ansible costs is paid once.

Takes `[{"source": path, "env": {name: value}, "spoil": {"folder": path, "text": text}}, …]` as JSON on standard input (before it reads,
all files of the folder to spoil hold that text), and writes to the file
that it is given, for each
`{"error": text or null, "warnings": [text], "hosts": {name: variables}, "groups": {name: {"hosts": […], "children": […]}}}`. A string that Ansible would not
render stands as `{"__ansible_unsafe": text}`, whatever the version of Ansible calls that. One that it would render, and that then says
something else, or can not be rendered, stands as `{"rendered": what comes of it}`.
"""

import json
import os
import pathlib
import sys

from ansible.inventory.manager import InventoryManager, display
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

try:
    from ansible.template import is_trusted_as_template as is_rendered
except ImportError:
    from ansible.utils.unsafe_proxy import AnsibleUnsafe

    def is_rendered(text):
        return not isinstance(text, AnsibleUnsafe)


def rendered(text):
    """What Ansible makes of a text that it may render, wherever a playbook names it."""
    if text not in renderings:
        try:
            renderings[text] = Templar(loader=DataLoader(), variables={"it": text}).template(text)
        except Exception as fault:
            renderings[text] = fault
    return renderings[text]


def marked(value):
    if isinstance(value, str):
        if not is_rendered(value):
            return {"__ansible_unsafe": str(value)}
        return str(value) if rendered(value) == value else {"rendered": str(rendered(value))}
    if isinstance(value, dict):
        return {str(key): marked(item) for key, item in value.items()}
    return [marked(item) for item in value] if isinstance(value, (list, tuple)) else value


def read(scenario):
    before = dict(os.environ)
    os.environ.update(scenario["env"])
    told.clear()
    error = None
    if "spoil" in scenario:
        for file in pathlib.Path(scenario["spoil"]["folder"]).iterdir():
            file.write_text(scenario["spoil"]["text"], encoding="utf-8")
    inventory = InventoryManager(loader=DataLoader(), sources=[], parse=False)
    inventory._sources = [scenario["source"]]
    try:
        inventory.parse_sources(cache=True)
    except Exception as fault:
        error = " ".join([*told, str(fault)])
    finally:
        os.environ.clear()
        os.environ.update(before)
    groups = inventory.groups.items()
    return {
        "error": error,
        "warnings": [*told],
        "hosts": {
            name: {key: marked(value) for key, value in host.vars.items() if key not in ("inventory_file", "inventory_dir")}
            for name, host in inventory.hosts.items()
        },
        "groups": {
            name: {"hosts": [host.name for host in group.hosts], "children": [child.name for child in group.child_groups]}
            for name, group in groups
        },
    }


# What each plugin failed with goes to the terminal as a warning; the exception says only that all failed.
told = []
renderings = {}
display.warning = lambda text, *_, **__: told.append(text)
display.error_as_warning = lambda msg, exception: told.append(f"{msg} {exception}")
init_plugin_loader()
with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump([read(scenario) for scenario in json.load(sys.stdin)], out)
