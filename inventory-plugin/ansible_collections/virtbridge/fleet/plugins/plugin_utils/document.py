# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""What an inventory document must be, and what may be believed of it.

Imports nothing of Ansible: the plugin, the script beside the collection and the unit tests share it.
The document is the JSON of Ansible's script protocol. Whatever is not a whole, well formed one is an InventoryFault,
never a shorter inventory: a controller deletes the hosts that a successful sync does not name.
"""

from __future__ import annotations

import json
import re

MAX_DEPTH = 32

# A name of Kubernetes has up to 253 characters, and a host name up to three of them; a controller takes 512.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,511}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")
# A leading dash would be an option to ssh.
_ADDRESS = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]{0,252}\Z")
# As Unix, Windows and Kerberos have them: root, CORP\\admin, admin@CORP.EXAMPLE.
_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@\\-]{0,126}[A-Za-z0-9_.$-])?\Z")
# The one command that may be run here to reach a guest: through the API server of its cluster, with words that no shell looks at twice.
PROXY_VARIABLE = "ansible_ssh_common_args"
_PROXY = re.compile(
    r'-o ProxyCommand="virtctl port-forward --stdio=true'
    r"(?: --kubeconfig=/[A-Za-z0-9_./-]{1,250})?(?: --context=[A-Za-z0-9_.@:-]{1,263})?"
    r' vm/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])? [1-9][0-9]{0,4}"\Z'
)
_TEMPLATE = re.compile(r"\{[{%#]")
_UNSAFE = "__ansible_unsafe"
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CUT = "something between here and the bridge cut or replaced it"

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


class InventoryFault(Exception):
    """The inventory can not be used; the message says what is wrong and what to do."""


class Untrusted(str):
    """A string that holds template delimiters, or that the bridge marked: data for good, never a template."""


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


def is_address(text):
    """Whether a text can be what a host is reached at."""
    return _ADDRESS.match(text) is not None


def is_template(text):
    """Whether Ansible would see a template in the text; such text is data here, wherever it comes from."""
    return _TEMPLATE.search(text) is not None


def text_of(body):
    """The text of a response body (bytes); raises InventoryFault when it is empty or not UTF-8, whatever else it could be."""
    if not body.strip():
        raise InventoryFault("the answer is empty")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InventoryFault(f"the answer is not UTF-8 at byte {error.start}; {_CUT}") from error


def parse(text):
    """The JSON value of a text; raises InventoryFault when it is not one, or says something of one name twice."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
        # Of a text without this escape no string can hold half of a character: UTF-8 has none.
        return _whole(value) if _HALF.search(text) else value
    except (ValueError, RecursionError) as error:
        raise InventoryFault(f"the answer is not complete JSON ({error}); {_CUT}") from error


def check(value, believe=str, doubt=Untrusted):
    """The Document of a parsed JSON value; raises InventoryFault, which names the place, when it is not an inventory.

    believe and doubt make of a string what whoever asks is to see of an inert one, and of one that is data for good.
    """
    if not isinstance(value, dict):
        raise InventoryFault(f"the answer is not an inventory: a JSON object is expected, not {_kind(value)}")
    meta = value.get("_meta")
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
    if not isinstance(hostvars, dict):
        raise InventoryFault("the answer is not an inventory: it has no _meta.hostvars; is the URL that of a virtbridge?")
    if "all" not in value:
        raise InventoryFault("the answer is not an inventory: it has no group 'all'")
    judge = _Judge(believe, doubt)
    hosts = {_name("host", name): judge.variables(name, given) for name, given in hostvars.items()}
    names = [_name("group", name) for name in value if name != "_meta"]
    known = frozenset(names)
    groups = {name: _group(name, value[name], hosts, known) for name in names}
    return Document(hosts, groups, sorted(judge.dropped))


def marked(value):
    """The value with every Untrusted string as the object that the script protocol has for it."""
    if isinstance(value, Untrusted):
        return {_UNSAFE: str(value)}
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return value


def judged(value, believe=str, doubt=Untrusted):
    """The value with its strings told apart as `check` does; for what is made here, by compose."""
    return _Judge(believe, doubt).value("composed", value, 0)


def script_output(document):
    """The document as a script inventory prints it: whatever a script prints is a template to Ansible unless it is marked."""
    output = {"_meta": {"hostvars": {name: marked(given) for name, given in document.hosts.items()}}}
    for name, (hosts, children) in document.groups.items():
        output[name] = {"hosts": hosts, "children": children}
    return output


def _name(kind, name):
    if not is_name(name):
        raise InventoryFault(f"{kind} name {name[:80]!r} holds something other than letters, digits, '_', '.' and '-'")
    return name


def _group(name, value, hosts, groups):
    if not isinstance(value, dict):
        raise InventoryFault(f"group {name!r} is {_kind(value)}, not an object with hosts and children")
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


class _Judge:
    """Tells inert strings from others, and looks at each distinct one once: most of an inventory says the same again and again."""

    def __init__(self, believe, doubt):
        self._believe = believe
        self._doubt = doubt
        self._strings = {}
        self._names = set()
        self._keys = set()
        self.dropped = set()

    def variables(self, host, given):
        if not isinstance(given, dict):
            raise InventoryFault(f"the variables of host {host[:80]!r} are {_kind(given)}, not an object")
        variables = {}
        strings = self._strings
        for name, value in given.items():
            if name not in self._names:
                if not _VARIABLE.match(name):
                    raise InventoryFault(f"host {host!r}: {name[:80]!r} can not be the name of a variable")
                if not name.startswith("ansible_"):
                    self._names.add(name)
                elif name == PROXY_VARIABLE and isinstance(value, str) and _PROXY.match(value):
                    pass
                elif name not in CONNECTION_VARIABLES:
                    self.dropped.add(name)
                    continue
                else:
                    value = _connection(host, name, value)
            kind = type(value)
            if kind is str:
                variables[name] = strings[value] if value in strings else self._string(value)
            elif kind is dict or kind is list:
                variables[name] = self.value(host, value, 0)
            else:
                variables[name] = value
        return variables

    def value(self, host, value, depth):
        if isinstance(value, str):
            return self._strings[value] if value in self._strings else self._string(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth >= MAX_DEPTH:
            raise InventoryFault(f"host {host!r}: a variable is nested deeper than {MAX_DEPTH}")
        if isinstance(value, list):
            return [self.value(host, item, depth + 1) for item in value]
        if _UNSAFE in value:
            if len(value) != 1 or not isinstance(value[_UNSAFE], str):
                raise InventoryFault(f"host {host!r}: a mark {_UNSAFE} does not hold one string")
            return self._doubt(value[_UNSAFE])
        found = {}
        for key, item in value.items():
            if key not in self._keys:
                # Other marks of this family change what Ansible makes of a value (__ansible_vault is decrypted).
                if key.startswith("__ansible_"):
                    raise InventoryFault(f"host {host!r}: a variable holds the reserved key {key[:80]!r}")
                # A key can not be marked, and may be used as a text.
                if is_template(key):
                    self.dropped.add(repr(key[:80]))
                    continue
                self._keys.add(key)
            found[key] = self.value(host, item, depth + 1)
        return found

    def _string(self, text):
        found = self._doubt(text) if is_template(text) else self._believe(text)
        self._strings[text] = found
        return found


def _connection(host, name, value):
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


def _kind(value):
    if value is None:
        return "null"
    return {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}.get(type(value), "a number")


def _refuse_constant(text):
    raise ValueError(f"{text} is not JSON")


def _once(pairs):
    """The object of these pairs. Of two pairs of one name Python keeps the last, and a host or a group would be gone."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        twice = next(name for name, unused in pairs if name in seen or seen.add(name))
        raise ValueError(f"{twice[:80]!r} is there twice")
    return found


def _whole(value):
    """The value with half characters, which Ansible could read and then not write, replaced."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {_whole(name): _whole(item) for name, item in value.items()} if isinstance(value, dict) else value
