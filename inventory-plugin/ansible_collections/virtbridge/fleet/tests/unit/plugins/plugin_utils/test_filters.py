# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import filters
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


def host(name, **different):
    return {
        "kubevirt_cluster": "prod-1",
        "kubevirt_namespace": "shop",
        "kubevirt_status": "Running",
        "kubevirt_os_family": "linux",
        "kubevirt_os_id": "rhel",
        "kubevirt_labels": {"app": name},
        "kubevirt_reachable": True,
        "kubevirt_stale": False,
        **different,
    }


HOSTS = {
    "web": host("web"),
    "db": host("db", kubevirt_namespace="data", kubevirt_os_id="debian"),
    "desk": host("desk", kubevirt_cluster="dev-1", kubevirt_os_family="windows", kubevirt_os_id="", kubevirt_labels={}),
    "off": host("off", kubevirt_status="Stopped", kubevirt_reachable=False),
    "unseen": host("unseen", kubevirt_reachable=False, kubevirt_stale=True),
}


AGES = {"two": {"age": "02"}, "ten": {"age": "10"}, "word": {"age": "old"}, "huge": {"age": "9223372036854775808"}, "none": {}}


class FiltersTest(unittest.TestCase):
    def test_all_that_is_said_must_hold(self):
        for given, names in (
            ({"clusters": ["prod-1"]}, ["web", "db", "off", "unseen"]),
            ({"clusters": "dev-1"}, ["desk"]),
            ({"namespaces": ["data", "nowhere"]}, ["db"]),
            ({"os": ["windows", "debian"]}, ["db", "desk"]),
            ({"status": ["Stopped"]}, ["off"]),
            ({"selector": "app in (web, db)"}, ["web", "db"]),
            ({"selector": "app,app!=web", "namespaces": ["shop"]}, ["off", "unseen"]),
            ({"selector": "!app"}, ["desk"]),
            ({"selector": "app notin (web),app==db"}, ["db"]),
            ({"selector": ""}, list(HOSTS)),
        ):
            with self.subTest(given=given):
                self.assertEqual(filters.chosen(HOSTS, given), names)

    def test_whole_numbers_are_compared_as_kubernetes_does(self):
        hosts = {name: host(name, kubevirt_labels=labels) for name, labels in AGES.items()}
        for selector, names in (
            ("age>2", ["ten"]),
            ("age < 10", ["two"]),
            ("age>1,age<3", ["two"]),
            ("age>0", ["two", "ten"]),
            ("!age", ["none"]),
        ):
            with self.subTest(selector=selector):
                self.assertEqual(filters.chosen(hosts, {"selector": selector}), names)

    def test_a_cluster_that_can_not_be_seen_makes_no_host_leave(self):
        self.assertEqual(filters.chosen(HOSTS, {"reachable": True}), ["web", "db", "desk", "unseen"])
        self.assertEqual(filters.chosen(HOSTS, {"reachable": False}), ["off", "unseen"])

    def test_what_can_not_be_told_is_a_fault_and_not_an_empty_inventory(self):
        for given in (
            [],
            {"cluster": ["prod-1"]},
            {"clusters": []},
            {"clusters": [1]},
            {"clusters": {"a": 1}},
            {"reachable": "yes"},
            {"selector": ["app=web"]},
            {"selector": "app=web,"},
            {"selector": "app in web"},
            {"selector": "app=a b"},
            {"selector": "app ~ web"},
            {"selector": "app in (a,b"},
            {"selector": "age>"},
            {"selector": "age>-1"},
            {"selector": "age>x"},
            {"selector": "age<9223372036854775808"},
            {"selector": "age>=1"},
        ):
            with self.subTest(given=given), self.assertRaises(InventoryFault):
                filters.chosen(HOSTS, given)

    def test_labels_that_may_not_have_been_kept_are_told(self):
        many = {f"label-{number}": "x" for number in range(64)}
        hosts = {"few": host("few"), "many": host("many", kubevirt_labels=many), "named": host("named", kubevirt_labels={**many, "app": "x"})}
        self.assertEqual(filters.unsure(hosts, "app,!zone,label-1"), (["app", "zone"], ["many", "named"]))
        self.assertEqual(filters.unsure(hosts, "label-1=x"), ([], []))

    def test_a_view_without_the_variable_is_a_fault(self):
        for given in ({"selector": "app=web"}, {"os": ["rhel"]}, {"reachable": True}, {"clusters": ["prod-1"]}):
            with self.subTest(given=given), self.assertRaises(InventoryFault):
                filters.chosen({"slim": {}}, given)

    def test_a_filter_that_was_left_empty_is_a_fault_and_no_wider_inventory(self):
        for word in ("clusters", "namespaces", "os", "status", "selector", "reachable"):
            with self.subTest(word=word), self.assertRaisesRegex(InventoryFault, word):
                filters.chosen(HOSTS, {word: None})

    def test_labels_that_may_be_missing_are_told_of_hosts_that_have_labels(self):
        many = {f"label-{at}": "x" for at in range(filters.KEPT_LABELS)}
        hosts = {"a": {"kubevirt_labels": many}, "b": {}, "c": {"kubevirt_labels": "x" * 99}}
        self.assertEqual(filters.unsure(hosts, "zone"), (["zone"], ["a"]))


if __name__ == "__main__":
    unittest.main()
