# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.recall import recall


class Plugin:
    def __init__(self, held):
        self.held = held

    def contains(self, key):
        return key in self.held


class Cache:
    """What is used of Ansible's: an entry that is an error is one that can not be read."""

    def __init__(self, plugin):
        self._plugin = plugin

    def get(self, key):
        value = self._plugin.held.get(key)
        if isinstance(value, Exception):
            raise value
        return value


class Files(Plugin):
    def _get_cache_file_name(self, key):
        return f"/cache/{key}"


class Prefixed(Files):
    def _get_key(self, key):
        return f"s1_{key}"


def number(value):
    if value == 13:
        raise InventoryFault("it is 13")
    return value if isinstance(value, int) else None


class RecallTest(unittest.TestCase):
    def recalled(self, plugin):
        told = []
        return recall(Cache(plugin), "k", number, lambda *words: told.append(words)), told

    def test_what_is_there_is_given_and_what_is_not_is_no_fault(self):
        self.assertEqual(self.recalled(Files({"k": 7})), (7, []))
        self.assertEqual(self.recalled(Files({"k": 0})), (0, []))
        self.assertEqual(self.recalled(Files({"other": "x"})), (None, []))

    def test_what_is_none_of_ours_or_can_not_be_read_is_told_of_and_counts_as_nothing(self):
        for value, reason in (
            (None, "it is none of ours"),
            ("x", "it is none of ours"),
            ([], "it is none of ours"),
            (13, "it is 13"),
            (TypeError("list indices"), "it can not be read"),
            (RecursionError(), "it can not be read"),
        ):
            with self.subTest(value=value):
                self.assertEqual(self.recalled(Files({"k": value})), (None, [("the cache file /cache/k", reason)]))

    def test_the_place_is_the_file_where_there_is_one(self):
        for plugin, place in ((Prefixed, "the cache file /cache/s1_k"), (Plugin, "the cache's entry k")):
            with self.subTest(place=place):
                self.assertEqual(self.recalled(plugin({"k": "x"})), (None, [(place, "it is none of ours")]))


if __name__ == "__main__":
    unittest.main()
