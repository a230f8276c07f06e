# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.deadline import within
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class DeadlineTest(unittest.TestCase):
    def test_what_is_done_in_time_is_given_or_raised_as_it_is(self):
        self.assertEqual(within(600, lambda: "done"), "done")
        self.assertIsNone(within(600, lambda: None))
        with self.assertRaisesRegex(ZeroDivisionError, "by zero"):
            within(600, lambda: 1 // 0)

    def test_what_never_comes_to_its_end_is_given_up(self):
        end = threading.Event()
        self.addCleanup(end.set)
        with self.assertRaisesRegex(InventoryFault, "not there after 0.01 s: raise timeout"):
            within(0.01, end.wait)


if __name__ == "__main__":
    unittest.main()
