# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import keyed
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class KeyedTest(unittest.TestCase):
    def test_names_are_those_that_ansible_makes(self):
        for entry, key, names in (
            ({}, "rhel", ["_rhel"]),
            ({"prefix": "os"}, "rhel", ["os_rhel"]),
            ({"prefix": "os", "separator": "-"}, "rhel", ["os-rhel"]),
            ({"separator": ""}, "rhel", ["rhel"]),
            ({"prefix": "p"}, ["a", "b"], ["p_a", "p_b"]),
            ({"prefix": "p", "default_value": "none"}, ["a", ""], ["p_a", "p_none"]),
            ({"prefix": "p"}, {"a": "b", "c": ""}, ["p_a_b", "p_c_"]),
            ({"prefix": "p", "trailing_separator": False}, {"a": ""}, ["p_a"]),
            ({"prefix": "p", "default_value": "x"}, {"a": None}, ["p_a_x"]),
            ({"prefix": "p", "default_value": "x"}, "", ["p_x"]),
            ({"prefix": "p"}, "", []),
            ({"prefix": "p"}, [], []),
            ({"prefix": "p", "default_value": "x"}, {}, []),
        ):
            with self.subTest(entry=entry, key=key):
                self.assertEqual(keyed.group_names({"key": "k", **entry}, key, True), names)

    def test_without_a_prefix_the_separator_can_be_left_out(self):
        self.assertEqual(keyed.group_names({"key": "k"}, "rhel", False), ["rhel"])
        self.assertEqual(keyed.group_names({"key": "k", "prefix": "os"}, "rhel", False), ["os_rhel"])

    def test_no_name_is_made_of_a_number_or_a_boolean(self):
        for key in (7, True):
            with self.subTest(key=key), self.assertRaises(InventoryFault):
                keyed.group_names({"key": "k"}, key, True)
        with self.assertRaises(InventoryFault):
            keyed.group_names({"key": "k", "default_value": "x", "trailing_separator": False}, "a", True)

    def test_an_entry_that_needs_a_template_is_not_plain(self):
        self.assertIsNotNone(keyed.plain_key({"key": "kubevirt_os.id", "prefix": "os", "parent_group": "all_os"}))
        for entry in (
            {"key": "kubevirt_os.id | upper"},
            {"key": "kubevirt_os.id", "parent_group": "{{ x }}"},
            {"key": "kubevirt_os.id", "priority": 5},
            {"prefix": "os"},
            "kubevirt_os.id",
        ):
            with self.subTest(entry=entry):
                self.assertIsNone(keyed.plain_key(entry))


if __name__ == "__main__":
    unittest.main()
