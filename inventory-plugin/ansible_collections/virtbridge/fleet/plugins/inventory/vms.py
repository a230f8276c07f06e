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
  - Fails when the bridge can not answer, so that a controller keeps the hosts that it has.
  - The configuration file's name must end in C(virtbridge.yml) or C(virtbridge.yaml).
  - Strings that hold template delimiters are data and never rendered; all others are plain strings.
  - Variables named C(ansible_*) are taken from a fixed list only, with fitting values.
extends_documentation_fragment:
  - virtbridge.fleet.bridge
  - constructed
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
"""

EXAMPLES = r"""
# fleet.virtbridge.yml: everything from the environment (VIRTBRIDGE_URL, VIRTBRIDGE_TOKEN, VIRTBRIDGE_CA_CERT),
# which is how a credential of the Ansible Automation Platform hands it over.
plugin: virtbridge.fleet.vms

---
# prod.virtbridge.yml: one view, with the token in a file.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
token_file: /run/secrets/virtbridge-token
ca_cert: /etc/pki/tls/certs/internal-ca.pem
view: prod

---
# Groups of one's own. The bridge makes groups too, and faster: every expression here costs a template for every host.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
keyed_groups:
  - key: kubevirt_instancetype
    prefix: size
groups:
  web: kubevirt_labels.app | default('') == 'web'
compose:
  ansible_user: "'cloud-user' if kubevirt_os.id == 'rhel' else 'debian'"
strict: true

---
# Read once in ten minutes.
plugin: virtbridge.fleet.vms
url: https://virtbridge.example.com
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/virtbridge-cache
cache_timeout: 600
"""

import hashlib
import os
import time
import zlib
from http.client import HTTPException
from urllib.error import HTTPError

from ansible.errors import AnsibleParserError
from ansible.module_utils.urls import Request
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import document as inventory_document
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import InventoryFault, Untrusted

try:
    from ansible.template import trust_as_template as _believe

    # What is not trusted is never rendered.
    _doubt = str
except ImportError:  # ansible-core 2.18 and earlier: every string is rendered, unless it is wrapped
    from ansible.utils.unsafe_proxy import wrap_var as _doubt

    _believe = str

_BODY_OF_ERROR = 64 * 1024


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The hosts, groups and variables that a virtbridge tells."""

    NAME = "virtbridge.fleet.vms"

    def verify_file(self, path):
        """Whether the file is named as one of ours."""
        return super().verify_file(path) and path.endswith(("virtbridge.yml", "virtbridge.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Reads the bridge or the cache, checks all of it, and only then adds to the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        url = str(self.get_option("url"))
        try:
            address = endpoint.inventory_url(url, self.get_option("view"))
            document = self._document(path, address, cache)
            if document.dropped:
                names = ", ".join(document.dropped)
                self.display.warning(f"virtbridge: ignored variables that may not come from an inventory: {names}")
            self._populate(document)
        except InventoryFault as fault:
            raise AnsibleParserError(f"the inventory of the virtbridge at {url} can not be used: {fault}") from fault

    def _document(self, path, address, cache):
        if not self.get_option("cache"):
            return inventory_document.check(inventory_document.parse(self._fetch(address)))
        self.load_cache_plugin()
        # The address can come from the environment: what one bridge said must not be taken for another's.
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(address.encode()).hexdigest()[:16]}"
        if cache:
            try:
                return inventory_document.check(self.cache[key])
            except KeyError:
                pass
        value = inventory_document.parse(self._fetch(address))
        document = inventory_document.check(value)
        self.cache[key] = value
        return document

    def _fetch(self, address):
        request = Request(
            headers={"Authorization": f"Bearer {self._token()}", "Accept": "application/json"},
            http_agent="virtbridge.fleet.vms",
            validate_certs=self.get_option("validate_certs"),
            ca_path=self._ca_path(),
            timeout=self.get_option("timeout"),
            follow_redirects="none",
        )
        limit = self.get_option("max_response_mb") * 1000000
        retries = self.get_option("retries")
        attempt = 0
        while True:
            try:
                response = request.get(address)
                if response.status == 200:
                    return endpoint.read_bounded(response, limit)
                status, retry_after = response.status, None
                reason = endpoint.refusal(status, b"")
            except HTTPError as error:
                status, retry_after = error.code, error.headers.get("Retry-After")
                reason = endpoint.refusal(status, _beginning(error))
            except (OSError, EOFError, HTTPException, zlib.error) as error:
                status, retry_after = None, None
                reason = f"it was not reached, or hung up ({getattr(error, 'reason', None) or error})"
            pause = endpoint.pause_before_retry(status, retry_after, attempt)
            if pause is None or attempt >= retries:
                raise InventoryFault(reason if attempt == 0 else f"{reason} (asked {attempt + 1} times)")
            self.display.vv(f"virtbridge: {reason}; asking again in {pause} s")
            time.sleep(pause)
            attempt += 1

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
            raise InventoryFault(f"token_file can not be read: {error}") from error

    def _ca_path(self):
        path = self.get_option("ca_cert")
        if not path:
            return None
        try:
            return path if os.stat(path).st_size > 0 else None
        except OSError as error:
            raise InventoryFault(f"ca_cert can not be read: {error}") from error

    def _populate(self, document):
        for group in document.groups:
            if group != "all":
                self.inventory.add_group(group)
        trust = _truster()
        for name, given in document.hosts.items():
            self.inventory.add_host(name)
            # Each variable through set_variable would be walked once more for nothing: every value here is decided.
            self.inventory.hosts[name].vars.update({key: trust(value) for key, value in given.items()})
        for group, (hosts, children) in document.groups.items():
            for host in hosts:
                self.inventory.add_host(host, group)
            for child in children:
                if child != "ungrouped":
                    self.inventory.add_child(group, child)
        self._construct(document.hosts, trust)

    def _construct(self, hosts, trust):
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed):
            return
        strict = self.get_option("strict")
        for name in hosts:
            host = self.inventory.hosts[name]
            self._set_composite_vars(compose, host.get_vars(), name, strict=strict)
            for key in compose:
                # A composed address has to be as plain a string as the bridge's own.
                if key in host.vars:
                    host.vars[key] = trust(inventory_document.judged(host.vars[key]))
            variables = host.get_vars()
            self._add_host_to_composed_groups(groups, variables, name, strict=strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed, variables, name, strict=strict, fetch_hostvars=False)


def _beginning(error):
    try:
        return error.read(_BODY_OF_ERROR)
    except (OSError, EOFError, HTTPException, zlib.error, ValueError):
        return b""


def _truster():
    """A function that makes of a checked value what Ansible is to believe of it: each distinct string is looked at once."""
    known = {}

    def trust(value):
        if isinstance(value, str):
            # A marked text and an inert one can be equal as strings, and must not be taken for each other.
            key = (value, isinstance(value, Untrusted))
            if key not in known:
                known[key] = _doubt(str(value)) if key[1] else _believe(value)
            return known[key]
        if isinstance(value, dict):
            return {key: trust(item) for key, item in value.items()}
        if isinstance(value, list):
            return [trust(item) for item in value]
        return value

    return trust
