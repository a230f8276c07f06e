# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.kept import Kept, fingerprint, kept


class KeptTest(unittest.TestCase):
    def test_what_a_cache_stored_is_found_again(self):
        for etag in (None, '"one"'):
            with self.subTest(etag=etag):
                found = kept(json.loads(json.dumps(Kept("{}", etag).stored())))
                self.assertEqual((found.text, found.etag), ("{}", etag))

    def test_what_is_none_of_ours_is_passed_over(self):
        for value in (None, {}, [], "text", {"document": None}, {"document": ""}, {"document": {"_meta": {}}}, {"_meta": {}}):
            with self.subTest(value=value):
                self.assertIsNone(kept(value))

    def test_a_tag_that_could_not_be_sent_is_none(self):
        for etag in (7, "one", '"a"\r\nX: y'):
            with self.subTest(etag=etag):
                self.assertIsNone(kept({"document": "{}", "etag": etag}).etag)


class FingerprintTest(unittest.TestCase):
    def test_it_differs_with_each_part_and_tells_none(self):
        given = [("a",), ("b",), ("a", "token"), ("a", "other"), ("b", "token")]
        made = [fingerprint(*of) for of in given]
        self.assertEqual(len(set(made)), len(given))
        for name in made:
            self.assertRegex(name, r"\A[0-9a-f]{16}\Z")
        self.assertEqual(made, [fingerprint(*of) for of in given])


if __name__ == "__main__":
    unittest.main()
