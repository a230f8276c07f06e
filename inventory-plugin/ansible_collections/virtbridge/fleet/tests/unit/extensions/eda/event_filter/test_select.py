# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import unittest

from ansible_collections.virtbridge.fleet.extensions.eda.plugins.event_filter.select import main
from ansible_collections.virtbridge.fleet.extensions.eda.plugins.event_filter.unwrap import main as unwrap
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.filters import chosen
from ansible_collections.virtbridge.fleet.tests.unit.extensions.eda.events import cluster_event, run_event, vm_event

META = {"uuid": "u"}


def kept(cloud, **asked):
    """Whether the event is kept; the same as it comes from Kafka, from an event stream, and laid open."""
    ways = ({"body": cloud, "meta": META}, {"payload": cloud, "meta": META}, unwrap({"body": cloud, "meta": META}))
    answers = []
    for event in ways:
        before = copy.deepcopy(event)
        after = main(event, **asked)
        assert event == before
        assert after in (event, {"meta": META}), after
        answers.append(after == event)
    assert len(set(answers)) == 1, answers
    return answers[0]


class SelectTest(unittest.TestCase):
    def test_all_that_is_asked_must_hold(self):
        for asked, keeps in (
            ({}, True),
            ({"kinds": ["vm"]}, True),
            ({"kinds": "cluster"}, False),
            ({"facts": ["created", "started"]}, True),
            ({"facts": "stopped"}, False),
            ({"clusters": ["prod-1"], "namespaces": ["shop"]}, True),
            ({"clusters": ["prod-1"], "namespaces": ["data"]}, False),
            ({"clusters": ["dev-1"]}, False),
            ({"os": "linux"}, True),
            ({"os": ["rhel", "windows"]}, True),
            ({"os": ["windows"]}, False),
            ({"news": True}, True),
            ({"news": False}, False),
            ({"news": None, "facts": None}, True),
            ({"verbs": ["onboard"]}, False),
            ({"selector": "env=prod,app.kubernetes.io/name in (web, db),!legacy"}, True),
            ({"selector": "env!=prod"}, False),
            ({"selector": "tier"}, False),
            ({"selector": "tier notin (gold)"}, True),
            ({"selector": ""}, True),
        ):
            with self.subTest(asked=asked):
                self.assertIs(kept(vm_event(), **asked), keeps)

    def test_a_selector_selects_here_what_it_selects_in_filters_of_the_inventory(self):
        many = ({}, {"n": "5", "env": "prod"}, {"n": "0005"}, {"n": "v5"}, {"n": ""}, {"n": "9223372036854775807"}, {"n": "9223372036854775808"})
        for selector in ("n>4", "n > 5", "n<6", "n<9223372036854775807", "n>3,n<9", "n>4,env=prod", "n=5", "n!=5", "n in (5, v5)", "n notin (5)", "n", "!n"):
            for labels in many:
                with self.subTest(selector=selector, labels=labels):
                    hosts = chosen({"web-1": {"kubevirt_labels": labels}}, {"selector": selector})
                    self.assertIs(kept(vm_event(vm={"labels": labels}), selector=selector), hosts == ["web-1"])
        for selector in ("n>x", "n>", "n>-1", "n<1.5", "n>9223372036854775808", "n>=3", "n=>3", "n>3<9", ">3", "n in (3>2)", "a>b"):
            with self.subTest(selector=selector):
                with self.assertRaisesRegex(InventoryFault, "no condition on labels"):
                    chosen({}, {"selector": selector})
                with self.assertRaisesRegex(ValueError, "no condition on labels"):
                    main({"body": vm_event(), "meta": META}, selector=selector)

    def test_what_may_start_nothing_is_no_news(self):
        for change in ({"origin": "bootstrap"}, {"origin": "audit"}, {"burst": True}):
            with self.subTest(change=change):
                self.assertFalse(kept(vm_event(**change), news=True))
                self.assertTrue(kept(vm_event(**change), news=False))

    def test_what_was_there_before_its_cluster_was_adopted_can_be_left_alone(self):
        for adopted in (True, False):
            with self.subTest(adopted=adopted):
                self.assertTrue(kept(vm_event(vm={"adopted": adopted}), adopted=adopted))
                self.assertFalse(kept(vm_event(vm={"adopted": adopted}), adopted=not adopted))
                self.assertFalse(kept(vm_event(), adopted=adopted))
                self.assertFalse(kept(cluster_event(), adopted=adopted))

    def test_what_an_event_does_not_have_it_does_not_meet(self):
        self.assertTrue(kept(cluster_event(), kinds="cluster", clusters="prod-1", facts=["unreachable"]))
        for asked in ({"namespaces": ["shop"]}, {"os": "linux"}, {"selector": "!legacy"}, {"verbs": "onboard"}):
            with self.subTest(asked=asked):
                self.assertFalse(kept(cluster_event(), **asked))
        self.assertFalse(kept(vm_event(vm={"os": {"family": "", "id": ""}}), os=["linux", ""]))

    def test_an_event_of_a_run_is_where_its_guest_is(self):
        self.assertTrue(kept(run_event(), kinds="day2", verbs="onboard", clusters="prod-1", namespaces="shop"))
        self.assertFalse(kept(run_event(), verbs="patch"))
        self.assertFalse(kept(run_event(), clusters="dev-1"))

    def test_labels_that_were_left_out_are_not_labels_that_are_not_there(self):
        event = vm_event(vm={"labels": {}}, trimmed=["vm.labels", "vm.label_list"])
        with self.assertLogs("virtbridge.fleet.select", "WARNING") as logs:
            self.assertFalse(kept(event, selector="!legacy"))
        self.assertIn("started of prod-1/shop/web-1", logs.output[0])
        self.assertTrue(kept(event, facts="started"))

    def test_what_is_no_event_of_virtbridge_is_not_kept(self):
        for event in ({"body": {"type": "com.example"}, "meta": META}, {"alerts": [], "meta": META}, {"meta": META}, {"body": "text", "meta": META}):
            with self.subTest(event=event):
                self.assertEqual(main(event), {"meta": META})
        self.assertEqual(main({}), {"meta": {}})
        self.assertEqual(main("text"), {"meta": {}})

    def test_what_can_not_be_understood_is_a_fault_and_never_selects_something_else(self):
        for asked, told in (
            ({"fact": ["started"]}, "there is no 'fact'"),
            ({"facts": ["start"]}, "there is no 'start'"),
            ({"kinds": ["VM"]}, "there is no 'VM'"),
            ({"facts": []}, "facts is not a list"),
            ({"clusters": [7]}, "clusters is not a list"),
            ({"clusters": {"a": 1}}, "clusters is not a list"),
            ({"clusters": [["a"]]}, "clusters is not a list"),
            ({"news": "yes"}, "neither true nor false"),
            ({"adopted": "no"}, "adopted is neither true nor false"),
            ({"clusters": "{{ cluster }}"}, "holds a template"),
            ({"selector": "env={{ env }}"}, "holds a template"),
            ({"selector": "env=prod web"}, "no condition on labels"),
            ({"selector": ["env"]}, "selector is not a text"),
            ({"selector": "a" * 5000}, "selector is not a text"),
        ):
            with self.subTest(asked=asked):
                with self.assertRaisesRegex(ValueError, told):
                    main({"body": vm_event(), "meta": META}, **asked)


if __name__ == "__main__":
    unittest.main()
