# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import expression
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.expression import Missing, NotPlain

HOST = {
    "kubevirt_name": "web-1",
    "kubevirt_enabled": True,
    "kubevirt_os": {"id": "rhel", "items": "x"},
    "kubevirt_labels": {"example.com/tier": "web", "it's": "quoted"},
    "kubevirt_addresses": [{"address": "10.0.0.1"}],
    "own": "mine",
}


class PlainTest(unittest.TestCase):
    def test_a_path_and_a_quoted_text_need_no_template(self):
        for text, value in (
            ("kubevirt_name", "web-1"),
            (" kubevirt_os.id ", "rhel"),
            ("kubevirt_os['id']", "rhel"),
            ("kubevirt_os['items']", "x"),
            ("kubevirt_labels['example.com/tier']", "web"),
            ('kubevirt_labels["it\'s"]', "quoted"),
            ("kubevirt_addresses[0].address", "10.0.0.1"),
            ("own", "mine"),
            ("'cloud-user'", "cloud-user"),
            ('"a b"', "a b"),
        ):
            with self.subTest(text=text):
                self.assertEqual(expression.plain(text)(HOST), value)

    def test_all_else_is_left_to_the_template_engine(self):
        for text in (
            "kubevirt_name | upper",
            "kubevirt_os.items",
            "a + b",
            "true",
            "none",
            "not kubevirt_enabled",
            "'a' 'b'",
            "'{{ 6*7 }}'",
            "'a\\n'",
            "kubevirt_name.upper()",
            "kubevirt_addresses[-1]",
            "a.b\n.c",
            "",
            "x" * 2000,
            None,
            7,
        ):
            with self.subTest(text=text):
                self.assertIsNone(expression.plain(text))

    def test_what_is_not_there_is_missing_only_where_nothing_else_can_be_meant(self):
        for text in ("kubevirt_nothing", "day2_nothing", "kubevirt_os.nothing", "kubevirt_addresses[1]"):
            with self.subTest(text=text), self.assertRaises(Missing):
                expression.plain(text)(HOST)
        for text in ("range", "lookup", "kubevirt_name.x", "kubevirt_name[0]", "kubevirt_addresses.x"):
            with self.subTest(text=text), self.assertRaises(NotPlain):
                expression.plain(text)(HOST)


class ConstantTest(unittest.TestCase):
    def test_a_number_and_a_boolean_stand_for_themselves(self):
        class Tagged(int):
            """As Ansible tags what it reads of a file."""

        for value in (22, 0, -1, 0.5, True, False, Tagged(7)):
            with self.subTest(value=value):
                told = expression.constant(value)(HOST)
                self.assertEqual(told, value)
                self.assertIn(type(told), (int, float, bool))

    def test_all_else_is_none(self):
        for value in ("22", "true", None, [1], {"a": 1}, float("nan"), float("inf")):
            with self.subTest(value=value):
                self.assertIsNone(expression.constant(value))


class ConditionTest(unittest.TestCase):
    def test_a_boolean_its_negation_and_a_comparison_need_no_template(self):
        for text, value in (
            ("kubevirt_enabled", True),
            ("not kubevirt_enabled", False),
            ("kubevirt_os.id == 'rhel'", True),
            ("kubevirt_os.id != 'rhel'", False),
            ("kubevirt_os.id=='debian'", False),
            ("kubevirt_enabled == 'True'", False),
        ):
            with self.subTest(text=text):
                self.assertIs(expression.condition(text)(HOST), value)

    def test_all_else_is_left_to_the_template_engine(self):
        for text in ("a and b", "kubevirt_os.id in ['rhel']", "kubevirt_os.id == other", "x is defined", True, "true == 'x'"):
            with self.subTest(text=text):
                self.assertIsNone(expression.condition(text))
        with self.assertRaises(NotPlain):
            expression.condition("kubevirt_name")(HOST)


class TemplateTest(unittest.TestCase):
    def test_what_another_source_wrote_as_a_template_is_for_the_template_engine(self):
        for value in ("{{ x }}", ["a", "{% x"], {"a": {"b": "{# x"}}, "#jinja2: x"):
            for read in (expression.plain("kubevirt_x"), expression.condition("kubevirt_x == 'a'")):
                with self.subTest(value=value), self.assertRaises(expression.NotPlain):
                    read({"kubevirt_x": value})
        self.assertEqual(expression.plain("kubevirt_x")({"kubevirt_x": ["{ {", {"a": 1}]}), ["{ {", {"a": 1}])


if __name__ == "__main__":
    unittest.main()
