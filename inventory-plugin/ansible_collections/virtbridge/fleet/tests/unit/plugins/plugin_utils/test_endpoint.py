# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io
import json
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.document import InventoryFault


class AddressTest(unittest.TestCase):
    def test_the_path_of_the_inventory_is_added(self):
        for base, view, expected in (
            ("https://b", None, "https://b/api/v1/inventory"),
            ("https://b/", "", "https://b/api/v1/inventory"),
            (" http://b:8443/x/ ", "prod", "http://b:8443/x/api/v1/inventory/prod"),
        ):
            with self.subTest(base=base, view=view):
                self.assertEqual(endpoint.inventory_url(base, view), expected)

    def test_whatever_is_no_address_is_a_fault(self):
        for base, view in (
            ("", None),
            ("bridge", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("https://u:p@b", None),
            ("https://b?x=1", None),
            ("https://b", "../vms"),
            ("https://b", "a b"),
        ):
            with self.subTest(base=base, view=view), self.assertRaises(InventoryFault):
                endpoint.inventory_url(base, view)


class TokenTest(unittest.TestCase):
    def test_white_space_around_a_token_is_no_part_of_it(self):
        self.assertEqual(endpoint.checked_token(" abc.def-1\n"), "abc.def-1")

    def test_a_token_that_would_break_the_header_is_a_fault_that_does_not_show_it(self):
        for token in ("", " ", "secret one", "secret\r\nX: y", "sécret"):
            with self.subTest(token=token), self.assertRaises(InventoryFault) as raised:
                endpoint.checked_token(token)
            self.assertNotIn("cret", str(raised.exception))


class RetryTest(unittest.TestCase):
    def test_how_long_to_wait(self):
        for status, retry_after, attempt, expected in (
            (503, "7", 0, 7),
            (503, "0", 0, 0),
            (503, "86400", 0, endpoint.LONGEST_PAUSE),
            (503, "9" * 5000, 0, endpoint.LONGEST_PAUSE),
            (503, "Wed, 21 Oct 2026 07:28:00 GMT", 1, 2),
            (503, None, 2, 4),
            (None, None, 0, 1),
            (429, None, 50, endpoint.LONGEST_PAUSE),
            (502, None, 0, 1),
            (401, "1", 0, None),
            (404, None, 0, None),
            (301, None, 0, None),
            (204, None, 0, None),
        ):
            with self.subTest(status=status, retry_after=retry_after, attempt=attempt):
                self.assertEqual(endpoint.pause_before_retry(status, retry_after, attempt), expected)


class RefusalTest(unittest.TestCase):
    def test_what_the_bridge_said_is_told(self):
        body = json.dumps({"error": {"code": "not_synced", "message": "never read", "clusters": ["prod-1"]}}).encode()
        self.assertEqual(endpoint.refusal(503, body), "it answered 503 not_synced: never read (clusters: prod-1)")

    def test_a_body_of_somebody_else_is_not_repeated(self):
        for body in (b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {"code": 1}}', b"[" * 100000):
            with self.subTest(body=body[:20]):
                self.assertEqual(endpoint.refusal(502, body), "it answered 502")

    def test_advice_fits_the_status(self):
        for status, word in ((401, "VIRTBRIDGE_TOKEN"), (403, "scope"), (404, "view"), (302, "redirects")):
            with self.subTest(status=status):
                self.assertIn(word, endpoint.refusal(status, b""))

    def test_control_characters_are_not_repeated_and_length_is_bounded(self):
        body = json.dumps({"error": {"code": "a\x1b[31m", "message": "b" * 5000}}).encode()
        told = endpoint.refusal(503, body)
        self.assertNotIn("\x1b", told)
        self.assertLess(len(told), 600)


class BoundTest(unittest.TestCase):
    def test_a_stream_is_read_up_to_the_limit_and_not_beyond(self):
        self.assertEqual(endpoint.read_bounded(io.BytesIO(b"x" * 3000000), 3000000, 60), b"x" * 3000000)
        with self.assertRaises(InventoryFault):
            endpoint.read_bounded(io.BytesIO(b"x" * 3000001), 3000000, 60)

    def test_a_stream_that_dribbles_on_is_given_up(self):
        clock = iter(range(0, 1000, 10))
        with self.assertRaises(InventoryFault):
            endpoint.read_bounded(io.BytesIO(b"x" * 300000000), 400000000, 600, now=lambda: next(clock) * 20)


class SecretTest(unittest.TestCase):
    def test_a_place_is_told_without_user_password_and_query(self):
        for given in ("https://me:secret@bridge.example/x?token=secret", "https://secret@bridge.example/x#secret"):
            self.assertEqual(endpoint.place(given), "https://bridge.example/x")
        self.assertEqual(endpoint.place("http://[secret"), "the given url")

    def test_what_repeats_the_token_is_told_without_it(self):
        self.assertEqual(endpoint.without("no such token: abc", "abc"), "no such token: <secret>")
        self.assertEqual(endpoint.without("text", ""), "text")


if __name__ == "__main__":
    unittest.main()
