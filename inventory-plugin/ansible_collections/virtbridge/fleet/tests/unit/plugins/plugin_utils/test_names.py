# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import names


def by(key):
    return lambda name, variables: variables.get(key)


class NamesTest(unittest.TestCase):
    def test_the_first_that_gives_a_host_name_is_taken(self):
        hosts = {"a": {"x": "one", "y": "uno"}, "b": {"y": "due"}, "c": {}}
        self.assertEqual(names.renamed(hosts, [by("x"), by("y")]), ({"a": "one", "b": "due", "c": "c"}, []))

    def test_what_is_no_host_name_is_passed_over(self):
        for bad in ("a:22", "-oProxyCommand=id", "", "{{ 6*7 }}", 7, "a b", None, "x" * 600):
            with self.subTest(bad=bad):
                self.assertEqual(names.renamed({"a": {"x": bad}}, [by("x")]), ({"a": "a"}, []))

    def test_nor_is_what_ansible_takes_for_the_machine_it_runs_on_or_for_all(self):
        for bad in ("localhost", "127.0.0.1", "all", "ungrouped"):
            with self.subTest(bad=bad):
                self.assertEqual(names.renamed({"a": {"x": bad, "y": "b"}}, [by("x"), by("y")]), ({"a": "b"}, []))

    def test_two_machines_never_become_one_host(self):
        hosts = {"a": {"x": "same"}, "b": {"x": "same"}, "c": {"x": "other"}}
        self.assertEqual(names.renamed(hosts, [by("x")]), ({"a": "a", "b": "b", "c": "other"}, ["a", "b"]))

    def test_nor_when_one_takes_the_name_that_another_falls_back_to(self):
        hosts = {"a": {"x": "same"}, "b": {"x": "same"}, "c": {"x": "a"}}
        self.assertEqual(names.renamed(hosts, [by("x")]), ({"a": "a", "b": "b", "c": "c"}, ["a", "b", "c"]))
        self.assertEqual(names.renamed({"a": {}, "b": {"x": "a"}}, [by("x")]), ({"a": "a", "b": "b"}, ["b"]))


if __name__ == "__main__":
    unittest.main()
