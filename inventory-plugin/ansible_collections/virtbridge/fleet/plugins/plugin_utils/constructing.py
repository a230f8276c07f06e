# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import expression, keyed, names
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.connection import is_address
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.expression import Missing, NotPlain
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault, hosts_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.judge import judged
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.trust import believe, doubt

_UNDEFINED = object()


class Constructing:
    """What an inventory plugin that is Constructable makes of a plan: names, variables and groups, with the template engine only where there must be one."""

    def _renamed(self, hosts, expressions):
        if not expressions:
            return {name: name for name in hosts}
        strict = self.get_option("strict")
        readers = [self._reader(text, strict) for text in expressions]
        chosen, kept = names.renamed(hosts, readers)
        if kept:
            told = f"hostnames: {hosts_of(len(kept))} would share a name with another, such as {kept[0]}"
            if strict:
                raise InventoryFault(f"{told}: name them by something that is unique")
            self.display.warning(f"virtbridge: {told}; what the bridge calls them stays")
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
        compose = [(name, text, expression.constant(text) or expression.plain(text)) for name, text in wanted["compose"].items()]
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
            value = judged(value, believe, doubt)
            if variable != "ansible_host" or (isinstance(value, str) and is_address(value)):
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
