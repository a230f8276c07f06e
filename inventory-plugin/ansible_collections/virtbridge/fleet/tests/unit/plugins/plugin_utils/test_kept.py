# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.kept import Kept, fingerprint, kept


LIMIT = 1000000


class KeptTest(unittest.TestCase):
    def test_what_a_cache_stored_is_found_again(self):
        text = '{"a": "größe 😀"}' * 1000
        for etag in (None, '"one"'):
            with self.subTest(etag=etag):
                stored = json.dumps(Kept(text, etag).stored())
                found = kept(json.loads(stored), LIMIT)
                self.assertEqual((found.text, found.etag), (text, etag))
                self.assertEqual(json.dumps(Kept(text, etag).stored()), stored)
                self.assertLess(len(stored), len(text) / 10)

    def test_what_is_none_of_ours_is_passed_over(self):
        spoilt = Kept("{}", None).stored()["document"]
        for document in (None, "", {"_meta": {}}, "{}", "ä", "e30=", spoilt[:-8], "!" + spoilt):
            with self.subTest(document=document):
                self.assertIsNone(kept({"document": document}, LIMIT))
        for value in (None, {}, [], "text", {"_meta": {}}):
            with self.subTest(value=value):
                self.assertIsNone(kept(value, LIMIT))

    def test_what_unpacks_to_more_than_allowed_is_passed_over(self):
        stored = Kept("x" * (LIMIT + 1), None).stored()
        self.assertIsNone(kept(stored, LIMIT))
        self.assertIsNotNone(kept(stored, LIMIT + 1))

    def test_a_tag_that_could_not_be_sent_is_none(self):
        for etag in (7, "one", '"a"\r\nX: y'):
            with self.subTest(etag=etag):
                self.assertIsNone(kept({**Kept("{}", None).stored(), "etag": etag}, LIMIT).etag)


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
