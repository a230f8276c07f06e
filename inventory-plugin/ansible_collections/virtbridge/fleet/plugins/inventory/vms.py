# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: vms
short_description: Virtual machines of a KubeVirt fleet, from a virtbridge
version_added: 0.1.0
author:
  - The virtbridge authors (@virtbridge)
description:
  - Reads the inventory of a virtbridge, all clusters in one call, and adds its hosts, groups and variables.
  - Fails when the bridge can not answer, so that a controller keeps the hosts that it has. Adds all of an inventory or nothing.
  - With O(cache) a fresh answer is taken from the cache, and of one that has expired the bridge is asked whether it still holds, which
    costs next to nothing when it does. When the bridge does not answer, nothing of the cache stands for it.
  - The configuration file's name must end in C(virtbridge.yml) or C(virtbridge.yaml).
  - Strings that hold template delimiters are data and never rendered; all others are plain strings.
  - Variables named C(ansible_*) are taken from a fixed list only, with fitting values.
extends_documentation_fragment:
  - virtbridge.fleet.bridge
  - inventory_cache
options:
  plugin:
    description:
      - Names this plugin.
    type: str
    required: true
    choices:
      - virtbridge.fleet.vms
  view:
    description:
      - Name of a view of the bridge. Without it, all that the token may see; set and empty it is an error, in the file and in the environment.
    type: str
    env:
      - name: VIRTBRIDGE_VIEW
  format:
    description:
      - Whose names, groups and variables the hosts are shown with. V(kubevirt.core) is those of C(kubevirt.core.kubevirt), for
        playbooks that were written for it; the bridge must have it under C(inventory.formats).
      - Without it, or where it is empty, those that the view is configured with.
    type: str
    choices:
      - ""
      - kubevirt.core
    env:
      - name: VIRTBRIDGE_FORMAT
  filters:
    description:
      - Which hosts of the answer to keep; all filters must hold. A mapping of C(clusters), C(namespaces), C(os) (families or
        ids) and C(status), each a list; C(selector), a label selector as C(kubectl --selector) takes it; C(reachable), a boolean.
      - All of them are applied here, after the whole answer was read. A view of the bridge says the same and costs less.
      - They look at variables named C(kubevirt_*), so they need a view that has those, and not O(format=kubevirt.core).
      - Hosts of a cluster that can not be seen stay, whatever C(reachable) says.
      - Of a host with 64 labels or more the bridge keeps those that its configuration names; a C(selector) that asks for others warns.
      - In the environment it is written as YAML or JSON. Set and empty it is an error; C({}) is none.
    type: raw
    default: {}
    env:
      - name: VIRTBRIDGE_FILTERS
  hostnames:
    description:
      - A list of expressions that tell what a host is called, the preferred first; the first that gives a host name is taken,
        and without one the bridge's name.
      - Hosts that would share a name keep the bridge's, with a warning; with O(strict) that is an error.
      - The bridge starts jobs with a limit of its own names, so rename no hosts in the inventory that it starts jobs on.
      - In the environment it is written as YAML or JSON.
    type: raw
    default: []
    env:
      - name: VIRTBRIDGE_HOSTNAMES
  min_hosts:
    description:
      - Fewest hosts, after O(filters), that are believed. A controller deletes every host that an answer does not name.
      - Set it to 0 where there may be none at all.
    type: int
    default: 1
    env:
      - name: VIRTBRIDGE_MIN_HOSTS
  max_shrink:
    description:
      - Largest share of hosts, in percent, that may be gone since the last good answer. 100 believes any number.
      - The number of the last good answer is kept in the O(cache_plugin), also when O(cache) is off, and does not expire. With
        none kept, as with the cache plugin V(memory) or in an execution environment, O(min_hosts) decides alone. A view of the
        bridge can have a C(max_shrink) of its own, which remembers for all who read it.
    type: int
    env:
      - name: VIRTBRIDGE_MAX_SHRINK
  strict:
    description:
      - If V(true), an expression that fails for a host is an error; if V(false), that host goes without.
    type: bool
    default: false
    env:
      - name: VIRTBRIDGE_STRICT
  compose:
    description:
      - A mapping of variables to expressions that make them.
      - A path such as C(kubevirt_os_id) or C(kubevirt_labels['app']) and a quoted text cost nothing; any other
        expression costs a template for every host.
      - In the environment it is written as YAML or JSON.
    type: raw
    default: {}
    env:
      - name: VIRTBRIDGE_COMPOSE
  groups:
    description:
      - A mapping of groups to conditions. Hosts that meet the condition are in the group.
      - A path to a boolean, C(not) one, and a path compared with a quoted text by C(==) or C(!=) cost nothing; any other
        condition costs a template for every host.
      - In the environment it is written as YAML or JSON.
    type: raw
    default: {}
    env:
      - name: VIRTBRIDGE_GROUPS
  keyed_groups:
    description:
      - A list of mappings, each of which makes groups of the value of C(key), with C(prefix), C(separator), C(parent_group),
        C(default_value) and C(trailing_separator) as in every constructed inventory.
      - A path as C(key) costs nothing; any other expression costs a template for every host.
      - In the environment it is written as YAML or JSON.
    type: raw
    default: []
    env:
      - name: VIRTBRIDGE_KEYED_GROUPS
  use_extra_vars:
    description:
      - If V(true), expressions see extra variables too, before those of the host.
    type: bool
    default: false
    env:
      - name: ANSIBLE_INVENTORY_USE_EXTRA_VARS
    ini:
      - section: inventory_plugins
        key: use_extra_vars
  leading_separator:
    description:
      - If V(false), a keyed group without a prefix has no leading separator.
    type: bool
    default: true
    env:
      - name: VIRTBRIDGE_LEADING_SEPARATOR
"""

EXAMPLES = r"""
# fleet.virtbridge.yml: everything from the environment (VIRTBRIDGE_URL, VIRTBRIDGE_TOKEN, VIRTBRIDGE_CA_CERT),
# which is how a credential of the Ansible Automation Platform hands it over.
plugin: virtbridge.fleet.vms

# prod.virtbridge.yml: one view, with the token in a file, and never fewer than 100 hosts.
#   plugin: virtbridge.fleet.vms
#   url: https://virtbridge.example.com
#   token_file: /run/secrets/virtbridge-token
#   ca_cert: /etc/pki/tls/certs/internal-ca.pem
#   view: prod
#   min_hosts: 100

# Groups and variables of one's own, all of them free of templates. The bridge makes groups too.
#   plugin: virtbridge.fleet.vms
#   url: https://virtbridge.example.com
#   filters:
#     clusters: [prod-1, prod-2]
#     selector: tier in (web, db), !legacy
#   keyed_groups:
#     - key: kubevirt_instancetype
#       prefix: size
#   groups:
#     rhel: kubevirt_os_id == 'rhel'
#   compose:
#     ansible_user: "'cloud-user'"
#   strict: true

# With the names, groups and variables that kubevirt.core.kubevirt gives.
#   plugin: virtbridge.fleet.vms
#   url: https://virtbridge.example.com
#   format: kubevirt.core

# Read once in ten minutes, and not believed when more than a fifth of the hosts is gone.
#   plugin: virtbridge.fleet.vms
#   url: https://virtbridge.example.com
#   cache: true
#   cache_plugin: ansible.builtin.jsonfile
#   cache_connection: /tmp/virtbridge-cache
#   cache_timeout: 600
#   max_shrink: 20
"""

import gc
import os
from contextlib import contextmanager

import yaml
from ansible import context
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, get_cache_plugin
from ansible.release import __version__
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint, filters, guard
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.answer import parse
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.beside import reads_hosts
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.bridge import Bridge
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.constructing import Constructing
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import check
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault, hosts_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.kept import fingerprint, kept
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.plan import Plan
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.printed import Printed, is_only_printed
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.recall import recall
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.trust import believe, doubt

_MOST_TOLD = 10


class InventoryModule(Constructing, BaseInventoryPlugin, Constructable, Cacheable):
    """The hosts, groups and variables that a virtbridge tells."""

    NAME = "virtbridge.fleet.vms"

    def verify_file(self, path):
        """Whether the file is named as one of ours."""
        return super().verify_file(path) and path.endswith(("virtbridge.yml", "virtbridge.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Reads the bridge or the cache, checks all of it, works out all that is constructed, and only then adds to the inventory."""
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        self._mend_empty(config)
        url = str(self.get_option("url"))
        try:
            address = endpoint.inventory_url(url, self._given("view", config), {"format": self.get_option("format")})
            wanted = {name: self._structure(name, kind, self._given(name, config)) for name, kind in _STRUCTURES.items()}
            # What is constructed may be a template, and renders what it reads.
            renders = any(wanted[name] for name in _CONSTRUCTED)
            is_printed = not renders and is_only_printed(__version__, context.CLIARGS, path) and not reads_hosts()
            self._believe = Printed if is_printed else believe
            with _without_collector():
                document = self._document(path, address, cache)
                self._tell_dropped(document.dropped)
                plan, remember = self._plan(path, address, document, wanted)
                # First: what can not be written must not leave hosts behind.
                remember()
                plan.apply(self.inventory)
        except InventoryFault as fault:
            where = endpoint.place(url)
            # Without the cause: ansible-core 2.19 would print its words again.
            raise AnsibleParserError(f"the inventory of the virtbridge at {where} can not be used: {fault}") from None

    def _given(self, name, config):
        """The value of an option; an empty text where the file names it and leaves it empty, which is not what it leaves out."""
        value = self.get_option(name)
        return "" if not value and name in config and config[name] is None else value

    def _mend_empty(self, config):
        """Ansible takes the empty variable of a boolean for false; of the others false is what they are without it."""
        if os.environ.get("VIRTBRIDGE_LEADING_SEPARATOR") == "" and "leading_separator" not in config:
            self.set_option("leading_separator", True)

    def _document(self, path, address, cache):
        bridge = Bridge(self.get_option, self.display.vv)
        if not self.get_option("cache"):
            return self._checked(bridge.ask(address).text)
        self.load_cache_plugin()
        # The address and the token can come from the environment: what was said to one must not be taken for what is said to another.
        key = f"{self.get_cache_key(path)}_{fingerprint(address, bridge.token)}"
        limit = self.get_option("max_response_mb") * 1000000
        spoilt = []

        def spoil(place, reason):
            spoilt.append(place)
            told = "it counts as none: the bridge is asked anew and what it says overwrites it"
            self.display.warning(f"virtbridge: {place} holds no inventory ({reason}); {told}")

        def read(value):
            return kept(value, limit)

        def read_whole(value):
            found = read(value)
            return found and self._checked(found.text)

        document = recall(self.cache, key, read_whole, spoil) if cache else None
        if document is not None:
            return document
        # What has expired may still hold, and to be told so is much cheaper. It is never taken in place of an answer.
        store = self._store()
        expired = recall(store, key, read, spoil) if cache and not spoilt else None
        answer = bridge.ask(address, expired.etag if expired else None)
        document = recall(store, key, read_whole, spoil) if answer is None else self._checked(answer.text)
        if document is None:
            answer = bridge.ask(address)
            document = self._checked(answer.text)
        self.cache[key] = (answer or expired).stored()
        return document

    def _checked(self, text):
        return check(parse(text), self._believe, doubt)

    def _store(self):
        """The cache without an end to what it holds."""
        options = (("_uri", "cache_connection"), ("_prefix", "cache_prefix"))
        given = {name: self.get_option(option) for name, option in options if self.get_option(option) is not None}
        return get_cache_plugin(self.get_option("cache_plugin"), _timeout=0, **given)

    def _tell_dropped(self, dropped):
        if dropped:
            more = f" and {len(dropped) - _MOST_TOLD} more" if len(dropped) > _MOST_TOLD else ""
            ignored = ", ".join(dropped[:_MOST_TOLD])
            self.display.warning(f"virtbridge: ignored what may not come from an inventory: {ignored}{more}")

    def _tell_unsure(self, hosts, selector):
        keys, names = filters.unsure(hosts, selector) if selector else ([], [])
        if names:
            self.display.warning(
                f"virtbridge: of {hosts_of(len(names))} with {filters.KEPT_LABELS} labels or more ({names[0]}, …) the bridge may have kept none called "
                f"{', '.join(keys[:_MOST_TOLD])}, and {'it counts' if len(names) == 1 else 'they count'} as without: "
                "name these in a view of the bridge, and use that"
            )

    def _plan(self, path, address, document, wanted):
        chosen = filters.chosen(document.hosts, wanted["filters"]) if wanted["filters"] else list(document.hosts)
        self._tell_unsure(document.hosts, wanted["filters"].get("selector"))
        key = f"{self.get_cache_key(path)}_{fingerprint(address)}_count"
        remember = self._guard(key, wanted["filters"], len(chosen))
        hosts = {name: document.hosts[name] for name in chosen}
        plan = Plan(self._renamed(hosts, wanted["hostnames"]), hosts, document.groups)
        if wanted["compose"] or wanted["groups"] or wanted["keyed_groups"]:
            self._construct(plan, wanted)
        return plan, remember

    def _guard(self, key, chosen, count):
        """Refuses too few hosts; the function that it returns remembers how many there were, when all the rest went well."""
        max_shrink = self.get_option("max_shrink")
        if max_shrink is None:
            guard.check_count(count, self.get_option("min_hosts"))
            return lambda: None
        if self.get_option("cache_plugin") == "memory":
            self.display.warning(
                "virtbridge: max_shrink has nothing to compare with, as cache_plugin is memory, which forgets when this ends; "
                "set cache_plugin and cache_connection, or max_shrink of the view at the bridge"
            )
        # It is needed exactly when the document has expired.
        store = self._store()
        key = f"{key}_{fingerprint(repr(chosen))}"

        def spoil(place, reason):
            told = "it counts as none: min_hosts alone decides this once, and the number of now overwrites it"
            self.display.warning(f"virtbridge: {place} holds no number of hosts ({reason}); {told}")

        before = recall(store, key, guard.remembered, spoil)
        guard.check_count(count, self.get_option("min_hosts"), max_shrink, before)

        def remember():
            store[key] = {"hosts": count}
            store.set_cache()

        return remember

    def _structure(self, name, kind, value):
        """An option that is a mapping or a list; from the environment it comes as YAML."""
        if isinstance(value, str):
            try:
                value = _trusted(yaml.safe_load(value))
            except (yaml.YAMLError, RecursionError) as error:
                raise InventoryFault(f"{name} is neither YAML nor JSON: {error}") from error
        if value is None and name == "filters":
            raise InventoryFault("filters (VIRTBRIDGE_FILTERS) is set and empty, which would be every host: write {} for none, or unset it")
        if value is None:
            return kind()
        if not isinstance(value, kind):
            # By the names of YAML: Ansible has classes of its own for each.
            found = next((word for known, word in _SHAPES.items() if isinstance(value, known)), "something else")
            raise InventoryFault(f"{name} must be {_SHAPES[kind]}, and is {found}")
        for key in value if kind is dict else ():
            if not isinstance(key, str):
                raise InventoryFault(f"{name}: the name {key!r} is no text; YAML takes words like on and off for booleans, so write quotes")
        return value


_SHAPES = {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
_STRUCTURES = {"filters": dict, "hostnames": list, "compose": dict, "groups": dict, "keyed_groups": list}
_CONSTRUCTED = ("hostnames", "compose", "groups", "keyed_groups")


def _trusted(value):
    """What an administrator wrote into the environment is as good as what is written into the file."""
    if isinstance(value, str):
        return believe(value)
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    return [_trusted(item) for item in value] if isinstance(value, list) else value


@contextmanager
def _without_collector():
    """
    Hundreds of thousands of values come into being here and none goes: looking for garbage among them costs a third of the time. They stay
    as long as the process does, so that later looks, while Ansible prints them, leave them out too (a tenth), and forks share their pages.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()
