# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import guard
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class GuardTest(unittest.TestCase):
    def test_what_is_believed(self):
        for given in ((1, 1), (0, 0), (5, 1, 50, None), (50, 1, 50, 100), (100, 1, 0, 100), (1, 1, 100, 100), (9, 1, 0, 0)):
            with self.subTest(given=given):
                guard.check_count(*given)

    def test_what_is_not(self):
        for given in ((0, 1), (9, 10), (49, 1, 50, 100), (99, 1, 0, 100), (0, 1, 100, 100), (1, -1), (1, 1, 101), (1, 1, -1)):
            with self.subTest(given=given), self.assertRaises(InventoryFault):
                guard.check_count(*given)

    def test_one_host_is_called_one(self):
        for given, told in (((1, 2), "it holds 1 host, and"), ((0, 1), "it holds 0 hosts, and"), ((2, 3), "it holds 2 hosts, and")):
            with self.subTest(given=given), self.assertRaisesRegex(InventoryFault, told):
                guard.check_count(*given)

    def test_a_memory_that_is_none_is_passed_over(self):
        self.assertEqual(guard.remembered({"hosts": 7}), 7)
        for value in (None, {}, {"hosts": "7"}, {"hosts": True}, {"hosts": -1}, [7]):
            with self.subTest(value=value):
                self.assertIsNone(guard.remembered(value))


if __name__ == "__main__":
    unittest.main()
