# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import unittest

from ansible_collections.virtbridge.fleet.extensions.eda.plugins.event_filter.unwrap import main
from ansible_collections.virtbridge.fleet.tests.unit.extensions.eda.events import cluster_event, run_event, vm_event


class UnwrapTest(unittest.TestCase):
    def test_what_is_in_data_stands_at_the_top_wherever_it_came_from(self):
        for key in ("body", "payload"):
            with self.subTest(key=key):
                event = main({key: vm_event(), "meta": {"uuid": "u", "headers": {}}})
                self.assertEqual(event["fact"], "started")
                self.assertEqual(event["vm"]["os"]["family"], "linux")
                self.assertEqual(event["subject"], "prod-1/shop/web-1")
                self.assertEqual(event["id"], "cadfbbb8-ce59-59a7-be4a-8bb2d4b5e668")
                self.assertEqual((event["kind"], event["news"], event["limit"]), ("vm", True, "web-1.shop.prod-1"))
                self.assertEqual(event["meta"], {"uuid": "u", "headers": {}})
                self.assertNotIn(key, event)

    def test_each_kind_is_told(self):
        self.assertEqual(main({"body": cluster_event()})["kind"], "cluster")
        self.assertEqual(main({"body": cluster_event()})["limit"], "")
        run = main({"body": run_event()})
        self.assertEqual((run["kind"], run["news"], run["limit"]), ("day2", True, "web-1.shop.prod-1"))

    def test_what_may_start_nothing_is_no_news(self):
        for change, news in (
            ({"origin": "live"}, True),
            ({"origin": "sync", "gap": True}, True),
            ({"origin": "bootstrap"}, False),
            ({"origin": "audit"}, False),
            ({"origin": "of another time"}, False),
            ({"burst": True}, False),
            ({"burst": "yes"}, False),
        ):
            with self.subTest(change=change):
                self.assertIs(main({"body": vm_event(**change)})["news"], news)

    def test_a_host_name_that_is_no_limit_of_one_host_is_none(self):
        names = ("", "all", "ungrouped", "localhost", "*", "a,b", "a:b", "!a", "~a", "&a", "a b", "{{ a }}", "a[0]", "-a", "a\n", "ä.b.c", "x" * 254)
        for host in (*names, None, 7, []):
            with self.subTest(host=host):
                self.assertEqual(main({"body": vm_event(host=host)})["limit"], "")
        self.assertEqual(main({"body": vm_event(host="all.shop.prod-1")})["limit"], "all.shop.prod-1")

    def test_what_is_no_event_of_virtbridge_is_handed_on_as_it_came(self):
        for event in (
            {"body": {"type": "io.virtbridge.vm.started.v2", "data": {}}},
            {"body": {"type": "com.example.started", "data": {}}},
            {"body": {"type": "io.virtbridge.vm.started.v1", "data": "text"}},
            {"body": {"type": ["io.virtbridge.vm.started.v1"], "data": {}}},
            {"body": "text"},
            {"payload": None, "meta": {}},
            {"alerts": [], "meta": {"uuid": "u"}},
            {"fact": "started", "type": "io.virtbridge.vm.started.v1"},
            {},
            "text",
        ):
            with self.subTest(event=event):
                self.assertEqual(main(copy.deepcopy(event)), event)

    def test_it_changes_nothing_of_what_it_was_given(self):
        event = {"body": vm_event(), "meta": {"uuid": "u"}}
        before = copy.deepcopy(event)
        main(event)
        self.assertEqual(event, before)

    def test_a_second_time_changes_nothing_more(self):
        event = main({"body": vm_event(), "meta": {}})
        self.assertEqual(main(event), event)


if __name__ == "__main__":
    unittest.main()
