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
      - Name of a view of the bridge. Without it, all that the token may see.
    type: str
    env:
      - name: VIRTBRIDGE_VIEW
  filters:
    description:
      - Which hosts of the answer to keep; all filters must hold. A mapping of C(clusters), C(namespaces), C(os) (families or
        ids) and C(status), each a list; C(selector), a label selector as C(kubectl --selector) takes it; C(reachable), a boolean.
      - The whole answer is read first. A view of the bridge says the same and costs less.
      - Hosts of a cluster that can not be seen stay, whatever C(reachable) says.
      - In the environment it is written as YAML or JSON.
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
        none kept, as with the cache plugin V(memory) or in an execution environment, O(min_hosts) decides alone.
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
      - A path such as C(kubevirt_addresses[0].address) or C(kubevirt_labels['app']) and a quoted text cost nothing; any other
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

---
# prod.virtbridge.yml: one view, with the token in a file, and never fewer than 100 hosts.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
token_file: /run/secrets/virtbridge-token
ca_cert: /etc/pki/tls/certs/internal-ca.pem
view: prod
min_hosts: 100

---
# Groups and variables of one's own, all of them free of templates. The bridge makes groups too.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
filters:
  clusters: [prod-1, prod-2]
  selector: tier in (web, db), !legacy
keyed_groups:
  - key: kubevirt_instancetype
    prefix: size
groups:
  rhel: kubevirt_os.id == 'rhel'
compose:
  ansible_user: "'cloud-user'"
strict: true

---
# Read once in ten minutes, and not believed when more than a fifth of the hosts is gone.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/virtbridge-cache
cache_timeout: 600
max_shrink: 20
"""

import gc
import hashlib
import os
import time
import zlib
from contextlib import contextmanager
from http.client import HTTPException
from urllib.error import HTTPError

import yaml
from ansible.errors import AnsibleParserError
from ansible.module_utils.urls import Request
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, get_cache_plugin
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import document as inventory_document
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint, expression, filters, guard, keyed, names
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.expression import Missing, NotPlain

try:
    from ansible.template import trust_as_template as _believe

    # What is not trusted is never rendered.
    _doubt = str
except ImportError:  # ansible-core 2.18 and earlier: every string is rendered, unless it is wrapped
    from ansible.utils.unsafe_proxy import wrap_var as _doubt

    # Of a text that a template made of an unsafe one, str() is unsafe again.
    _believe = str.__str__

_BODY_OF_ERROR = 64 * 1024
_UNDEFINED = object()


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The hosts, groups and variables that a virtbridge tells."""

    NAME = "virtbridge.fleet.vms"

    def verify_file(self, path):
        """Whether the file is named as one of ours."""
        return super().verify_file(path) and path.endswith(("virtbridge.yml", "virtbridge.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Reads the bridge or the cache, checks all of it, works out all that is constructed, and only then adds to the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        url = str(self.get_option("url"))
        try:
            address = endpoint.inventory_url(url, self.get_option("view"))
            wanted = {name: self._structure(name, kind) for name, kind in _STRUCTURES.items()}
            with _without_collector():
                document = self._document(path, address, cache)
                if document.dropped:
                    ignored = ", ".join(document.dropped)
                    self.display.warning(f"virtbridge: ignored variables that may not come from an inventory: {ignored}")
                plan, remember = self._plan(path, address, document, wanted)
                plan.apply(self.inventory)
                remember()
        except InventoryFault as fault:
            where = endpoint.place(url)
            raise AnsibleParserError(f"the inventory of the virtbridge at {where} can not be used: {fault}") from fault

    def _document(self, path, address, cache):
        if not self.get_option("cache"):
            return _checked(inventory_document.parse(self._fetch(address)))
        self.load_cache_plugin()
        key = self._key(path, address)
        if cache:
            try:
                return _checked(self.cache[key])
            except KeyError:
                pass
            except InventoryFault as fault:
                self.display.warning(f"virtbridge: what the cache holds is not used: {fault}")
        value = inventory_document.parse(self._fetch(address))
        document = _checked(value)
        self.cache[key] = value
        return document

    def _key(self, path, address):
        # The address can come from the environment: what one bridge said must not be taken for another's.
        return f"{self.get_cache_key(path)}_{hashlib.sha256(address.encode()).hexdigest()[:16]}"

    def _plan(self, path, address, document, wanted):
        kept = filters.chosen(document.hosts, wanted["filters"]) if wanted["filters"] else list(document.hosts)
        remember = self._guard(f"{self._key(path, address)}_count", wanted["filters"], len(kept))
        hosts = {name: document.hosts[name] for name in kept}
        plan = _Plan(self._renamed(hosts, wanted["hostnames"]), hosts, document.groups)
        if wanted["compose"] or wanted["groups"] or wanted["keyed_groups"]:
            self._construct(plan, wanted)
        return plan, remember

    def _guard(self, key, chosen, count):
        """Refuses too few hosts; the function that it returns remembers how many there were, when all the rest went well."""
        max_shrink = self.get_option("max_shrink")
        if max_shrink is None:
            guard.check_count(count, self.get_option("min_hosts"))
            return lambda: None
        options = (("_uri", "cache_connection"), ("_prefix", "cache_prefix"))
        given = {name: self.get_option(option) for name, option in options if self.get_option(option) is not None}
        # In a cache of its own that does not expire: it is needed exactly when the document has.
        store = get_cache_plugin(self.get_option("cache_plugin"), _timeout=0, **given)
        key = f"{key}_{hashlib.sha256(repr(chosen).encode()).hexdigest()[:8]}"
        guard.check_count(count, self.get_option("min_hosts"), max_shrink, guard.remembered(store.get(key)))

        def remember():
            store[key] = {"hosts": count}
            store.set_cache()

        return remember

    def _structure(self, name, kind):
        """An option that is a mapping or a list; from the environment it comes as YAML."""
        value = self.get_option(name)
        if isinstance(value, str):
            try:
                value = _trusted(yaml.safe_load(value))
            except (yaml.YAMLError, RecursionError) as error:
                raise InventoryFault(f"{name} is neither YAML nor JSON: {error}") from error
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise InventoryFault(f"{name} must be a {'mapping' if kind is dict else 'list'}, and is {type(value).__name__}")
        for key in value if kind is dict else ():
            if not isinstance(key, str):
                raise InventoryFault(f"{name}: the name {key!r} is no text; YAML takes words like on and off for booleans, so write quotes")
        return value

    def _fetch(self, address):
        token = self._token()
        request = Request(
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            http_agent="virtbridge.fleet.vms",
            validate_certs=self.get_option("validate_certs"),
            ca_path=self._file("ca_cert"),
            client_cert=self._file("client_cert"),
            client_key=self._file("client_key"),
            timeout=self.get_option("timeout"),
            follow_redirects="none",
            # It would put a password for this host in the token's place.
            use_netrc=False,
        )
        retries = self.get_option("retries")
        attempt = 0
        while True:
            status, retry_after, answer = self._ask(request, address)
            if isinstance(answer, bytes):
                return answer
            reason = endpoint.without(answer, token)
            pause = endpoint.pause_before_retry(status, retry_after, attempt)
            if pause is None or attempt >= retries:
                raise InventoryFault(reason if attempt == 0 else f"{reason} (asked {attempt + 1} times)")
            self.display.vv(f"virtbridge: {reason}; asking again in {pause} s")
            time.sleep(pause)
            attempt += 1

    def _ask(self, request, address):
        """Asks once: the status (None without an answer), Retry-After, and the body as bytes or, as text, why there is none."""
        seconds = self.get_option("timeout")
        try:
            response = request.get(address)
            if response.status == 200:
                limit = self.get_option("max_response_mb") * 1000000
                return 200, None, endpoint.read_bounded(response, limit, seconds * endpoint.PATIENCE)
            return response.status, None, endpoint.refusal(response.status, b"")
        except HTTPError as error:
            return error.code, error.headers.get("Retry-After"), endpoint.refusal(error.code, _beginning(error))
        except (OSError, EOFError, HTTPException, zlib.error) as error:
            cause = getattr(error, "reason", None) or error
            if isinstance(cause, TimeoutError):
                return None, None, f"it did not answer within {seconds} s: raise timeout, or look at what is between here and it"
            return None, None, f"it was not reached, or hung up ({cause}): check url, ca_cert and the way to it"

    def _token(self):
        token = self.get_option("token")
        if token:
            return endpoint.checked_token(token)
        file = self.get_option("token_file")
        if not file:
            raise InventoryFault("there is no token: set token, token_file, VIRTBRIDGE_TOKEN or VIRTBRIDGE_TOKEN_FILE")
        try:
            with open(file, encoding="utf-8") as stream:
                return endpoint.checked_token(stream.read(65536))
        except (OSError, UnicodeDecodeError) as error:
            # Without the path: it may be the token itself, put into the wrong option.
            reason = getattr(error, "strerror", None) or "it is no text"
            raise InventoryFault(f"the file that token_file (VIRTBRIDGE_TOKEN_FILE) names can not be read: {reason}") from None

    def _file(self, option):
        path = self.get_option(option)
        if not path:
            return None
        try:
            return path if os.stat(path).st_size > 0 else None
        except OSError as error:
            raise InventoryFault(f"{option} can not be read: {error}") from error

    def _renamed(self, hosts, expressions):
        if not expressions:
            return {name: name for name in hosts}
        strict = self.get_option("strict")
        readers = [self._reader(text, strict) for text in expressions]
        chosen, kept = names.renamed(hosts, readers)
        if kept:
            told = f"hostnames: {len(kept)} hosts would share a name with another, such as {kept[0]}"
            if strict:
                raise InventoryFault(f"{told}: name them by something that is unique")
            self.display.warning(f"virtbridge: {told}; they keep the names that the bridge gave them")
        return chosen

    def _reader(self, text, strict):
        plain = expression.plain(text)

        def read(name, variables):
            value = self._evaluated(text, plain, variables)
            if value is _UNDEFINED and strict:
                raise InventoryFault(f"hostnames: {text!r} gives nothing for host {name!r}")
            return None if value is _UNDEFINED else value

        return read

    def _evaluated(self, text, plain, variables):
        """The value of an expression, by the template engine only where there must be one; _UNDEFINED when it has none."""
        if plain is not None:
            try:
                return plain(variables)
            except Missing:
                return _UNDEFINED
            except NotPlain:
                pass
        try:
            return self._compose(text, variables)
        except Exception:  # whatever an expression that a person wrote does wrong, Ansible skips as well
            return _UNDEFINED

    def _construct(self, plan, wanted):
        strict = self.get_option("strict")
        leading = self.get_option("leading_separator")
        extra = self._vars if self.get_option("use_extra_vars") else {}
        compose = [(name, text, expression.plain(text)) for name, text in wanted["compose"].items()]
        groups = [(name, text, expression.condition(text)) for name, text in wanted["groups"].items()]
        entries = [(entry, keyed.plain_key(entry)) for entry in wanted["keyed_groups"]]
        ours, self.inventory = self.inventory, plan
        try:
            for name in plan.hosts:
                variables = self._variables(ours, plan, name, extra)
                for variable, text, plain in compose:
                    self._compose_variable(plan, name, (variable, text, plain), variables, strict)
                variables.update(plan.hosts[name])
                variables.update(extra)
                for group, text, plain in groups:
                    self._add_by_condition(plan, name, (group, text, plain), variables, strict)
                for entry, plain in entries:
                    self._add_by_key(plan, name, (entry, plain), variables, strict, leading)
        finally:
            self.inventory = ours

    def _variables(self, inventory, plan, name, extra):
        """What expressions see of a host: what other sources said of it, what the bridge says, and what Ansible adds itself."""
        known = inventory.hosts.get(name)
        return {
            **(known.vars if known else {}),
            **plan.hosts[name],
            "inventory_hostname": name,
            "inventory_hostname_short": name.split(".")[0],
            "group_names": plan.groups_of.get(name, []),
            **extra,
        }

    def _compose_variable(self, plan, name, composed, variables, strict):
        variable, text, plain = composed
        value = self._evaluated(text, plain, variables)
        if value is not _UNDEFINED:
            # A composed address has to be as plain a string as the bridge's own.
            value = inventory_document.judged(value, _believe, _doubt)
            if variable != "ansible_host" or (isinstance(value, str) and inventory_document.is_address(value)):
                plan.hosts[name][variable] = value
                return
        if strict:
            raise InventoryFault(f"compose: {variable!r} can not be set for host {name!r} by {text!r}")

    def _add_by_condition(self, plan, name, grouped, variables, strict):
        group, text, plain = grouped
        if plain is not None:
            try:
                if plain(variables):
                    plan.add_host(name, plan.add_group(self._sanitize_group_name(group)))
                return
            except Missing:
                if strict:
                    raise InventoryFault(f"groups: {text!r} of group {group!r} finds nothing at host {name!r}") from None
                return
            except NotPlain:
                pass
        self._add_host_to_composed_groups({group: text}, variables, name, strict=strict, fetch_hostvars=False)

    def _add_by_key(self, plan, name, entry_of, variables, strict, leading):
        entry, plain = entry_of
        if plain is None:
            self._add_host_to_keyed_groups([entry], variables, name, strict=strict, fetch_hostvars=False)
            return
        try:
            key = plain(variables)
        except Missing:
            key = _UNDEFINED
        except NotPlain:
            self._add_host_to_keyed_groups([entry], variables, name, strict=strict, fetch_hostvars=False)
            return
        found = [] if key is _UNDEFINED else keyed.group_names(entry, key, leading)
        # An empty list or mapping makes no groups, and that is no fault of anybody.
        if strict and not found and key not in ([], {}):
            raise InventoryFault(f"keyed_groups: {entry['key']!r} gives nothing for host {name!r}")
        for raw in found:
            group = plan.add_group(self._sanitized(raw))
            plan.add_host(name, group)
            if entry.get("parent_group"):
                plan.add_child(plan.add_group(self._sanitized(entry["parent_group"])), group)

    def _sanitized(self, raw):
        known = self.__dict__.setdefault("_group_names", {})
        if raw not in known:
            known[raw] = self._sanitize_group_name(raw)
        return known[raw]


_STRUCTURES = {"filters": dict, "hostnames": list, "compose": dict, "groups": dict, "keyed_groups": list}


class _Plan:
    """What will be added, as long as anything can still go wrong. To Ansible's own code for constructed groups it is an inventory.

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
        """Adds all of it. The groups go first: what may be wrong with them (a circle) is found before there is a host."""
        for group in self.members:
            if group != "all":
                inventory.add_group(group)
        for group, children in self.children.items():
            for child in children:
                if child != "ungrouped":
                    inventory.add_child(group, child)
        for name, variables in self.hosts.items():
            inventory.add_host(name)
            # Each variable through set_variable would be walked once more for nothing: every value here is decided.
            inventory.hosts[name].vars.update(variables)
        for group, members in self.members.items():
            add, hosts = inventory.groups[group].add_host, inventory.hosts
            for host in members:
                add(hosts[host])


def _checked(value):
    return inventory_document.check(value, _believe, _doubt)


def _trusted(value):
    """What an administrator wrote into the environment is as good as what is written into the file."""
    if isinstance(value, str):
        return _believe(value)
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    return [_trusted(item) for item in value] if isinstance(value, list) else value


def _beginning(error):
    try:
        return error.read(_BODY_OF_ERROR)
    except (OSError, EOFError, HTTPException, zlib.error, ValueError):
        return b""


@contextmanager
def _without_collector():
    """Hundreds of thousands of values come into being here and none goes: looking for garbage among them costs a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
