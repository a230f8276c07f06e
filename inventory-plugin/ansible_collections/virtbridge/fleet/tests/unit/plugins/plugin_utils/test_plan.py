# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.plan import Plan

HOSTS = {"a": {"x": 1}, "b": {"x": 2}, "c": {}}
GROUPS = {"all": (["c"], ["g", "h", "ungrouped"]), "g": (["a", "b"], ["h"]), "h": (["b", "gone"], [])}


def plan(**renamed):
    return Plan({**{name: name for name in HOSTS}, **renamed}, {name: dict(given) for name, given in HOSTS.items()}, GROUPS)


class Inventory:
    """What a plan needs of Ansible's: it writes down what it is told."""

    def __init__(self, called=str):
        self.called = called
        self.current_source = None
        self.hosts = {}
        self.groups = {"all": Group()}
        self.children = []

    def add_group(self, name):
        self.groups.setdefault(self.called(name), Group())
        return self.called(name)

    def add_child(self, group, name):
        self.children.append((group, name))

    def add_host(self, name):
        self.hosts.setdefault(name, Host(name))


class Group:
    def __init__(self):
        self.hosts = []

    def add_host(self, host):
        self.hosts.append(host.name)


class Host:
    def __init__(self, name):
        self.name = name
        self.vars = {}


class PlanTest(unittest.TestCase):
    def test_all_of_it_is_added_under_the_names_that_were_chosen(self):
        inventory = Inventory()
        plan(b="bee").apply(inventory)
        place = {"inventory_file": None, "inventory_dir": None}
        given = {"a": {"x": 1, **place}, "bee": {"x": 2, **place}, "c": place}
        self.assertEqual({name: host.vars for name, host in inventory.hosts.items()}, given)
        members = {name: group.hosts for name, group in inventory.groups.items()}
        self.assertEqual(members, {"all": ["c"], "g": ["a", "bee"], "h": ["bee"]})
        self.assertEqual(inventory.children, [("g", "h"), ("all", "g"), ("all", "h")])

    def test_what_is_wrong_with_groups_is_found_before_there_is_a_host_and_all_is_above_them_once_the_hosts_are_there(self):
        there_were = []

        class Watched(Inventory):
            def add_child(self, group, name):
                there_were.append((group, len(self.hosts), len(self.groups["g"].hosts)))

        plan().apply(Watched())
        self.assertEqual(there_were, [("g", 0, 0), ("all", 3, 2), ("all", 3, 2)])

    def test_hosts_tell_the_source_that_named_them_first_and_ansible_looks_for_it_no_more(self):
        inventory = Inventory()
        inventory.add_host("a")
        inventory.hosts["a"].vars["inventory_file"] = "before.yml"
        inventory.current_source = "/project/fleet.virtbridge.yml"
        plan().apply(inventory)
        self.assertEqual(inventory.hosts["a"].vars, {"inventory_file": "before.yml", "x": 1})
        place = {"inventory_file": "/project/fleet.virtbridge.yml", "inventory_dir": "/project"}
        self.assertEqual(inventory.hosts["b"].vars, {"x": 2, **place})
        self.assertEqual(inventory.current_source, "/project/fleet.virtbridge.yml")

    def test_a_group_that_ansible_calls_otherwise_is_found_by_that_name(self):
        inventory = Inventory(str.upper)
        plan().apply(inventory)
        members = {name: group.hosts for name, group in inventory.groups.items()}
        self.assertEqual(members, {"all": ["c"], "G": ["a", "b"], "H": ["b"]})
        self.assertEqual(inventory.children, [("G", "H"), ("all", "G"), ("all", "H")])

    def test_a_group_above_all_is_a_fault_and_nothing_is_added(self):
        inventory = Inventory()
        made = plan()
        made.add_child(made.add_group("top"), made.add_group("all"))
        with self.assertRaisesRegex(InventoryFault, "the group 'top' has the group 'all' below it"):
            made.apply(inventory)
        self.assertEqual((inventory.hosts, list(inventory.groups)), ({}, ["all"]))

    def test_a_host_that_was_filtered_out_is_in_no_group(self):
        chosen = {"a": "a"}
        kept = Plan(chosen, {"a": {}}, GROUPS)
        self.assertEqual(kept.members, {"all": {}, "g": {"a": None}, "h": {}})

    def test_the_groups_of_a_host_are_known_before_any_is_made(self):
        self.assertEqual(plan().groups_of, {"a": ["g"], "b": ["g", "h"]})

    def test_what_is_constructed_is_added_once(self):
        made = plan()
        for unused in range(2):
            made.add_child(made.add_group("parent"), made.add_group("new"))
            made.add_host("a", "new")
        self.assertEqual((made.children["parent"], made.members["new"]), ({"new": None}, {"a": None}))
        made.add_child("new", "b")
        self.assertEqual(list(made.members["new"]), ["a", "b"])

    def test_a_group_that_is_its_own_parent_is_a_fault(self):
        with self.assertRaises(InventoryFault):
            plan().add_child("g", "g")


if __name__ == "__main__":
    unittest.main()
