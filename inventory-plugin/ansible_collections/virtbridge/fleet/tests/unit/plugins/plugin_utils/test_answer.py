# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import answer
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class AnswerTest(unittest.TestCase):
    def test_a_body_that_is_no_text_is_a_fault(self):
        for body in (b"", b" \n", b"\xff\xfe{", b'{"a": "\xe4"}', b'{"a": "\xed\xa0\xbd"}'):
            with self.subTest(body=body), self.assertRaises(InventoryFault):
                answer.text_of(body)
        self.assertEqual(answer.text_of("{ä}".encode()), "{ä}")

    def test_a_text_that_is_not_whole_json_is_a_fault(self):
        for text in ('{"_meta": {', "<html>", '{"a": NaN}', "\ufeff{}", "{} {}", "[" * 200000, '{"a":' * 100000):
            with self.subTest(text=text[:20]), self.assertRaises(InventoryFault):
                answer.parse(text)

    def test_what_is_said_of_one_name_twice_is_a_fault_that_names_it(self):
        for text in ('{"a": 1, "a": 1}', '[{"b": {"a": 1, "x": 2, "a": 3}}]'):
            with self.subTest(text=text), self.assertRaisesRegex(InventoryFault, "'a' is there twice"):
                answer.parse(text)

    def test_half_of_a_character_is_replaced_and_a_whole_one_kept(self):
        text = r'{"a\ud83d": ["x\uDE00y", "\ud83d\ude00"], "b": {"c": "\ud83d"}}'
        self.assertEqual(answer.parse(text), {"a\ufffd": ["x\ufffdy", "😀"], "b": {"c": "\ufffd"}})
