# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gzip
import io
import json
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


class AddressTest(unittest.TestCase):
    def test_the_path_of_the_inventory_is_added(self):
        for base, view, expected in (
            ("https://b", None, "https://b/api/v1/inventory"),
            ("https://b/", None, "https://b/api/v1/inventory"),
            (" http://b:8443/x/ ", "prod", "http://b:8443/x/api/v1/inventory/prod"),
        ):
            with self.subTest(base=base, view=view):
                self.assertEqual(endpoint.inventory_url(base, view), expected)

    def test_what_is_asked_beside_it_is_quoted(self):
        for query, expected in (
            ({}, ""),
            ({"format": None}, ""),
            ({"format": "kubevirt.core"}, "?format=kubevirt.core"),
            ({"selector": "a in (b, c)&x=1"}, "?selector=a+in+%28b%2C+c%29%26x%3D1"),
        ):
            with self.subTest(query=query):
                self.assertEqual(endpoint.inventory_url("https://b", "v", query), f"https://b/api/v1/inventory/v{expected}")

    def test_whatever_is_no_address_is_a_fault(self):
        for base, view in (
            ("", None),
            ("bridge", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("https://u:p@b", None),
            ("https://b?x=1", None),
            ("https://b/ü", None),
            ("https://b/a b", None),
            ("https://a..b", None),
            ("https://" + "a" * 64, None),
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
        said = {"code": "odd", "message": "never read", "clusters": ["prod-1"]}
        problem = {"type": "about:blank", "code": "odd", "detail": "never read", "hint": "look", "clusters": ["prod-1"]}
        for body, expected in (({"error": said}, ""), (problem, "; look")):
            with self.subTest(body=body):
                told = endpoint.refusal(503, json.dumps(body).encode())
                self.assertEqual(told, f"it answered 503 odd: never read (clusters: prod-1){expected}")

    def test_clusters_that_the_bridge_names_itself_are_not_named_twice(self):
        problem = {"code": "odd", "detail": "not read yet: prod-1, dev-10", "clusters": ["prod-1", "dev-1"]}
        told = endpoint.refusal(503, json.dumps(problem).encode())
        self.assertEqual(told, "it answered 503 odd: not read yet: prod-1, dev-10 (clusters: dev-1)")

    def test_when_to_ask_again_is_told(self):
        self.assertEqual(endpoint.refusal(503, b"", "7"), "it answered 503; it wants to be asked again in 7 s")
        for retry_after in (None, "", "soon", "٣"):
            with self.subTest(retry_after=retry_after):
                self.assertEqual(endpoint.refusal(503, b"", retry_after), "it answered 503")

    def test_a_body_of_somebody_else_is_not_repeated(self):
        for body in (b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {"code": 1}}', b'{"code": 1}', b"[" * 100000):
            with self.subTest(body=body[:20]):
                self.assertEqual(endpoint.refusal(502, body), "it answered 502")

    def test_advice_fits_the_status(self):
        for status, word in ((401, "VIRTBRIDGE_TOKEN"), (403, "scope"), (404, "view"), (302, "redirects")):
            with self.subTest(status=status):
                self.assertIn(word, endpoint.refusal(status, b""))
        self.assertNotIn("redirects", endpoint.refusal(304, b""))

    def test_advice_fits_what_the_bridge_calls_it_before_its_status(self):
        for code, status, word in (
            ("out_of_view", 403, "VIRTBRIDGE_VIEW"),
            ("no_view", 404, "inventory.views"),
            ("no_format", 404, "inventory.formats"),
            ("shrunk", 503, "max_shrink"),
            ("not_synced", 503, "/readyz"),
            ("stale", 503, "set to fail"),
        ):
            with self.subTest(code=code):
                self.assertIn(word, endpoint.refusal(status, json.dumps({"code": code, "detail": "x"}).encode()))

    def test_control_characters_are_not_repeated_and_length_is_bounded(self):
        body = json.dumps({"code": "a\x1b[31m", "detail": "b" * 5000, "hint": "\x00" * 5000}).encode()
        told = endpoint.refusal(503, body)
        self.assertTrue(told.isprintable())
        self.assertLess(len(told), 900)


class HeaderTest(unittest.TestCase):
    def test_an_entity_tag_that_could_be_sent_back_is_one(self):
        for text in ('"a"', 'W/"a"', '""', '"' + "x" * 254 + '"'):
            with self.subTest(text=text):
                self.assertEqual(endpoint.checked_etag(text), text)
        for text in (None, "", "a", '"a', '"a b"', '"a"\r\nX: y', '"ä"', '"' + "x" * 255 + '"'):
            with self.subTest(text=text):
                self.assertIsNone(endpoint.checked_etag(text))

    def test_an_answer_may_be_json_or_say_nothing_of_what_it_is(self):
        for kind in (None, "", "application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"):
            with self.subTest(kind=kind):
                endpoint.check_type(kind)
        for kind in ("text/html", "application/xml; x=json", "application/jsonx", "text/json\x1b[31m"):
            with self.subTest(kind=kind), self.assertRaises(InventoryFault) as raised:
                endpoint.check_type(kind)
            self.assertTrue(str(raised.exception).isprintable())


class BoundTest(unittest.TestCase):
    def test_a_stream_is_read_up_to_the_limit_and_not_beyond(self):
        self.assertEqual(endpoint.read_bounded(io.BytesIO(b"x" * 3000000), 3000000, 60), b"x" * 3000000)
        with self.assertRaises(InventoryFault):
            endpoint.read_bounded(io.BytesIO(b"x" * 3000001), 3000000, 60)

    def test_a_stream_that_dribbles_on_is_given_up(self):
        clock = iter(range(0, 1000, 10))
        with self.assertRaises(InventoryFault):
            endpoint.read_bounded(io.BytesIO(b"x" * 300000000), 400000000, 600, now=lambda: next(clock) * 20)

    def test_what_is_packed_is_unpacked_however_many_parts_it_has(self):
        text = bytes(range(256)) * 9000
        packed = b"".join(gzip.compress(text[at : at + 500000]) for at in range(0, len(text), 500000))
        for pieces in (io.BytesIO(packed), Dribble(packed, 7)):
            self.assertEqual(endpoint.read_bounded(pieces, len(text), 60, " GZIP "), text)
        self.assertEqual(endpoint.read_bounded(io.BytesIO(b""), 1, 60, "gzip"), b"")

    def test_what_is_packed_is_bounded_by_what_it_unpacks_to(self):
        bomb = gzip.compress(b"x" * 50000000)
        with self.assertRaisesRegex(InventoryFault, "larger than 1 MB"):
            endpoint.read_bounded(io.BytesIO(bomb), 1000000, 60, "gzip")
        endless = gzip.compress(b"") * 100000
        with self.assertRaisesRegex(InventoryFault, "larger than 1 MB"):
            endpoint.read_bounded(io.BytesIO(endless), 1000000, 60, "gzip")

    def test_what_is_packed_and_cut_or_something_else_is_a_fault(self):
        packed = gzip.compress(bytes(range(256)))
        for body in (packed[:-1], packed[:30], packed[:5], b"{}", packed + b"{}", packed[:-8] + bytes(8)):
            with self.subTest(body=body[:20]), self.assertRaises(InventoryFault):
                endpoint.read_bounded(io.BytesIO(body), 1000000, 60, "gzip")
        for encoding in ("br", "zstd", "gzip, gzip", "\x1b"):
            with self.subTest(encoding=encoding), self.assertRaises(InventoryFault):
                endpoint.read_bounded(io.BytesIO(packed), 1000000, 60, encoding)


class Dribble:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data, size):
        self._pieces = iter([data[at : at + size] for at in range(0, len(data), size)])

    def read1(self, unused):
        return next(self._pieces, b"")

    read = read1


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
