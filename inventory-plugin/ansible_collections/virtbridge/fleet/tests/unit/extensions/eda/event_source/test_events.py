# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import os
import tempfile
import unittest
import uuid

from ansible_collections.virtbridge.fleet.extensions.eda.plugins.event_source import events
from ansible_collections.virtbridge.fleet.tests.unit.extensions.eda.events import vm_event

ARGS = {"url": "https://bridge.example.com/", "consumer": "onboard", "token": "a-token-of-sixteen"}


def options(env=None, **args):
    return events.Options({**ARGS, **args}, env or {})


class OptionsTest(unittest.TestCase):
    def test_the_environment_stands_in_for_what_is_not_said(self):
        env = {"VIRTBRIDGE_URL": "http://a:8080", "VIRTBRIDGE_TOKEN": "b-token-of-sixteen", "VIRTBRIDGE_VALIDATE_CERTS": "no"}
        found = events.Options({"consumer": "x", "url": "", "token": None}, env)
        self.assertEqual((found.url, found.token(), found.validate_certs), ("http://a:8080", "b-token-of-sixteen", False))
        self.assertEqual(found.base, "http://a:8080/api/v1/consumers/x")
        said = options(env)
        self.assertEqual((said.url, said.token()), ("https://bridge.example.com", "a-token-of-sixteen"))
        self.assertEqual((said.stream, said.offset, said.acknowledge_after, said.feedback_queue), ("vm", "latest", 10, None))

    def test_what_can_not_be_so_is_told(self):
        for args, told in (
            ({"url": None}, "must start with https"),
            ({"url": "bridge:8080"}, "must start with https"),
            ({"url": "https://u:p@bridge"}, "must not hold a user"),
            ({"url": "https://[bad"}, "must start with https"),
            ({"url": 7}, "url is not a text"),
            ({"consumer": ""}, "consumer is not a name"),
            ({"consumer": "a/b"}, "consumer is not a name"),
            ({"stream": "dead"}, "stream is 'dead'"),
            ({"offset": "now"}, "offset is 'now'"),
            ({"token": ""}, "there is no token"),
            ({"acknowledge_after": -1}, "number of seconds"),
            ({"acknowledge_after": "soon"}, "number of seconds"),
            ({"validate_certs": "perhaps"}, "neither true nor false"),
            ({"feedback": True}, "feedback needs ansible-rulebook 1.3"),
            ({"topic": "virtbridge.events.vm"}, "there is no option 'topic'"),
        ):
            with self.subTest(args=args), self.assertRaisesRegex(ValueError, told):
                options(**args)

    def test_a_token_in_a_file_is_read_each_time_and_never_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "token")
            found = options(token="", token_file=path)
            with self.assertRaisesRegex(ValueError, "can not be read: No such file") as caught:
                found.token()
            self.assertNotIn(path, str(caught.exception))
            for value in ("first-token-of-sixteen", "second-token-of-sixteen"):
                with open(path, "w", encoding="utf-8") as stream:
                    stream.write(f"{value}\n")
                self.assertEqual(found.token(), value)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write("two words")
            with self.assertRaisesRegex(ValueError, "white space"):
                found.token()
            self.assertTrue(found.rotates)
            self.assertFalse(options(token_file=path).rotates)

    def test_an_authority_is_used_and_an_empty_file_is_none(self):
        self.assertIsNone(options(url="http://a").context())
        self.assertTrue(options().context().check_hostname)
        self.assertFalse(options(validate_certs=False).context().check_hostname)
        with tempfile.NamedTemporaryFile() as empty:
            self.assertTrue(options(ca_cert=empty.name).context().check_hostname)
        for name in ("ca_cert", "client_cert"):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, "can not be used"):
                options(**{name: "/nowhere.pem"}).context()


class FramesTest(unittest.TestCase):
    TEXT = b'retry: 2000\nid: 0\nevent: virtbridge.consumer\ndata: {"new":true}\n\n: alive\n\nid: 7\nevent: x\r\ndata: {"a":"\xc3\xa4: b"}\n\nid: 8\n\n'

    def test_however_it_is_cut_it_says_the_same(self):
        whole = events.Frames().take(self.TEXT)
        self.assertEqual(whole, [("virtbridge.consumer", "0", '{"new":true}'), ("x", "7", '{"a":"ä: b"}'), ("", "8", "")])
        for size in (1, 2, 3, 7, 50):
            frames = events.Frames()
            found = [frame for start in range(0, len(self.TEXT), size) for frame in frames.take(self.TEXT[start : start + size])]
            self.assertEqual(found, whole, size)

    def test_what_is_no_stream_is_told_and_bounded(self):
        with self.assertRaises(events.Broken):
            events.Frames().take(b"data: \xff\n")
        frames = events.Frames()
        with self.assertRaises(events.Broken):
            for count in range(10):
                frames.take(b"x" * 1000000)


class UnacknowledgedTest(unittest.TestCase):
    def test_those_at_the_front_that_had_their_time_are_due(self):
        waiting = events.Unacknowledged()
        self.assertEqual(waiting.due(100), ([], None))
        for number in range(1, 5):
            waiting.add(f"id-{number}", str(number), number * 10)
        self.assertEqual(waiting.due(9), ([], None))
        self.assertEqual(waiting.due(25), (["id-1", "id-2"], "2"))
        waiting.remove(["id-1", "id-2"])
        self.assertEqual((len(waiting), waiting.due(100)), (2, (["id-3", "id-4"], "4")))

    def test_one_that_is_sent_again_has_its_new_place_and_its_old_time(self):
        waiting = events.Unacknowledged()
        waiting.add("a", "k1", 10)
        waiting.add("b", "k2", 20)
        waiting.connected()
        self.assertTrue(waiting.known("a", "k9"))
        self.assertFalse(waiting.known("c", "k9"))
        self.assertEqual(waiting.due(15), ([], None))
        # b by where it stood on the connection before; then a, by where it stands on this one.
        self.assertEqual(waiting.due(20), (["b"], "k2"))
        waiting.remove(["b"])
        self.assertEqual(waiting.due(20), (["a"], "k9"))

    def test_one_that_was_acknowledged_and_was_on_its_way_is_known_and_due(self):
        waiting = events.Unacknowledged()
        waiting.add("a", "1", 10)
        waiting.remove(["a"])
        self.assertTrue(waiting.known("a", "1"))
        self.assertEqual(waiting.due(0), (["a"], "1"))

    def test_what_is_remembered_of_them_is_bounded(self):
        waiting = events.Unacknowledged()
        for number in range(events.RECENT + 1):
            waiting.add(str(number), str(number), 0)
            waiting.remove([str(number)])
        self.assertFalse(waiting.known("0", "0"))
        self.assertTrue(waiting.known("1", "1"))


class EventTest(unittest.TestCase):
    def test_it_has_the_shape_that_kafka_gives(self):
        event = events.event_of(vm_event(), "virtbridge.events.vm:7")
        self.assertEqual(event["body"], vm_event())
        self.assertEqual(event["meta"]["uuid"], vm_event()["id"])
        self.assertEqual(event["meta"]["headers"]["message_uuid"], vm_event()["id"])
        for value in ({}, {"id": "no uuid"}, {"id": 7}, "text", None):
            with self.subTest(value=value):
                known = events.event_of(value, "o")["meta"]["uuid"]
                self.assertEqual(str(uuid.UUID(known)), known)
                self.assertEqual(events.event_of(value, "o")["meta"]["uuid"], known)


class MainTest(unittest.TestCase):
    def test_wrong_options_end_it_at_once(self):
        with self.assertRaisesRegex(ValueError, "must start with https"):
            asyncio.run(events.main(None, {"consumer": "x", "url": "ftp://bridge"}))


if __name__ == "__main__":
    unittest.main()
