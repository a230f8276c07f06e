# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Reads events from a virtbridge by its own stream.

It is one file, as it must be. ansible-rulebook (1.1.7 and 1.3.2 were tried) runs it by its path, with runpy, in a Python that knows no
collections: an import of `ansible_collections`, or of a file beside this one, is a ModuleNotFoundError there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import ssl
import time
import uuid
from collections import OrderedDict
from urllib.parse import quote, urlsplit

try:
    import aiohttp
except ImportError:
    # ansible-rulebook needs it, and brings it along.
    aiohttp = None

DOCUMENTATION = r"""
name: events
short_description: Receive the events of virtbridge, without Kafka
description:
  - Follows the stream of events of a bridge over HTTP as a named consumer. The bridge keeps where it stands, so that a rulebook that is
    started anew, on whatever machine, goes on where it was.
  - An event is acknowledged some seconds after ansible-rulebook has taken it (O(acknowledge_after)), or when its rule engine says that it has it
    (O(feedback)). What was not acknowledged comes again after a restart, with the same id. None is lost.
  - Goes on by itself after a restart of the bridge or a fault of the network. Ends, with the reason, when that is of no use - the token is
    not valid, or another activation reads as the same consumer. Once it has read, a token in a file (O(token_file)) that is not valid is told
    and tried again, as it is being replaced, and so is a refusal by what stands before the bridge.
  - The event stands under C(event.body) as with C(ansible.eda.kafka), so that a rulebook needs no other change.
  - When the bridge had to remove events before they were acknowledged, C(event.virtbridge.gap) comes first and the log has an error.
options:
  url:
    description:
      - Address of the bridge, without C(/api).
      - Else the environment variable C(VIRTBRIDGE_URL).
    type: str
    required: true
  consumer:
    description:
      - Name of this reader, of letters, digits, C(_), C(.) and C(-). Two activations need two names.
    type: str
    required: true
  stream:
    description:
      - Which events.
    type: str
    choices: [vm, cluster, day2]
    default: vm
  offset:
    description:
      - Where a consumer begins that the bridge does not know yet, with what comes or with the oldest event that is kept.
    type: str
    choices: [latest, earliest]
    default: latest
  token:
    description:
      - Bearer token with the right C(read). Else the environment variable C(VIRTBRIDGE_TOKEN).
    type: str
  token_file:
    description:
      - Path of a file that holds the token and nothing else, read at every connection. Else the environment variable C(VIRTBRIDGE_TOKEN_FILE).
    type: str
  ca_cert:
    description:
      - Path of a PEM file with the authority that signed the bridge's certificate. An empty file counts as none. Else the environment
        variable C(VIRTBRIDGE_CA_CERT).
    type: str
  client_cert:
    description:
      - Path of a PEM file with the certificate to show. An empty file counts as none. Else the environment variable C(VIRTBRIDGE_CLIENT_CERT).
    type: str
  client_key:
    description:
      - Path of a PEM file with the key of O(client_cert). Else the environment variable C(VIRTBRIDGE_CLIENT_KEY).
    type: str
  validate_certs:
    description:
      - Whether the bridge must prove who it is. Else the environment variable C(VIRTBRIDGE_VALIDATE_CERTS).
    type: bool
    default: true
  acknowledge_after:
    description:
      - Seconds between an event's being taken and its acknowledgement, in which its actions have time to begin. ansible-rulebook does not say when they
        did; an activation that is killed in that time gets the event again.
    type: float
    default: 10
  feedback:
    description:
      - Acknowledge an event when the rule engine has it safe. Needs ansible-rulebook 1.3 with persistence, and must be V(true) or V(false) itself, no template.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Onboard
  hosts: virtbridge-no-default-limit
  sources:
    - name: vms
      virtbridge.fleet.events:
        url: https://virtbridge.example.com
        token: "{{ virtbridge_token }}"
        consumer: onboard
      filters:
        - virtbridge.fleet.unwrap:
  rules:
    - name: A Linux guest started
      condition: (event.fact == "started") and (event.news == true) and (event.limit != "")
      action:
        debug:
          msg: "{{ event.limit }}"
"""

# The bridge sends a line at least every 15 s.
SILENCE = 60
CONNECT = 30
LONGEST_PAUSE = 30
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_ANSWER = 64 * 1024
# How often it is looked what can be acknowledged.
TICK = 1
# Twice as many as the bridge sends without an acknowledgement.
RECENT = 2000
# A restart of the bridge is over by the first of these refusals in a row: what lasts longer is told, and told again from time to time.
TOLD_AT = 5
TOLD_EACH = 60

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_KNOWN = frozenset(
    (
        "url consumer stream offset token token_file ca_cert client_cert client_key validate_certs acknowledge_after feedback eda_feedback_queue"
    ).split()
)
_ENV = {
    "url": "VIRTBRIDGE_URL",
    "token": "VIRTBRIDGE_TOKEN",
    "token_file": "VIRTBRIDGE_TOKEN_FILE",
    "ca_cert": "VIRTBRIDGE_CA_CERT",
    "client_cert": "VIRTBRIDGE_CLIENT_CERT",
    "client_key": "VIRTBRIDGE_CLIENT_KEY",
    "validate_certs": "VIRTBRIDGE_VALIDATE_CERTS",
}

_log = logging.getLogger("virtbridge.fleet.events")


class Refused(Exception):
    """The bridge says no, and would again."""


class Broken(Exception):
    """The stream ended or can not be read; another one may do better."""


class Options:
    """What the source was told, with the environment; raises ValueError for what can not be so."""

    def __init__(self, args, env):
        unknown = sorted(set(args) - _KNOWN)
        if unknown:
            known = ", ".join(sorted(_KNOWN - {"eda_feedback_queue"}))
            raise ValueError(f"virtbridge.fleet.events: there is no option {unknown[0][:80]!r}; known are {known}")
        self._args = args
        self._env = env
        self.url = self._address()
        self.consumer = self._text("consumer")
        if not _NAME.match(self.consumer):
            raise ValueError("virtbridge.fleet.events: consumer is not a name of at most 63 letters, digits, '_', '.' and '-'; each activation needs one")
        self.stream = self._choice("stream", ("vm", "cluster", "day2"))
        self.offset = self._choice("offset", ("latest", "earliest"))
        self.acknowledge_after = self._seconds("acknowledge_after", 10)
        self.validate_certs = self._flag("validate_certs", True)
        self.feedback_queue = args.get("eda_feedback_queue")
        if self._flag("feedback", False) and self.feedback_queue is None:
            raise ValueError("virtbridge.fleet.events: feedback needs ansible-rulebook 1.3 or later with persistence; leave it out, or start it with that")
        if not self._text("token") and not self._text("token_file"):
            raise ValueError("virtbridge.fleet.events: there is no token: set token, token_file, VIRTBRIDGE_TOKEN or VIRTBRIDGE_TOKEN_FILE")

    @property
    def rotates(self):
        """Whether the token stands in a file, in which another one may stand at the next look."""
        return not self._text("token")

    @property
    def base(self):
        return f"{self.url}/api/v1/consumers/{quote(self.consumer)}"

    def token(self):
        """The token, read anew where it stands in a file."""
        token = self._text("token")
        if not token:
            try:
                with open(self._text("token_file"), encoding="utf-8") as stream:
                    token = stream.read(65536).strip()
            except (OSError, UnicodeDecodeError) as error:
                # Without the path: it may be the token itself, put into the wrong option.
                reason = getattr(error, "strerror", None) or "it is no text"
                raise ValueError(f"virtbridge.fleet.events: the file that token_file (VIRTBRIDGE_TOKEN_FILE) names can not be read: {reason}") from None
        if not _TOKEN.match(token):
            raise ValueError("virtbridge.fleet.events: the token is empty or holds something that a token can not hold (white space, a line break)")
        return token

    def context(self):
        """How the bridge has to prove who it is; None where it is not asked to by TLS."""
        if not self.url.startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cafile=self._file("ca_cert"))
            certificate = self._file("client_cert")
            if certificate:
                context.load_cert_chain(certificate, self._file("client_key"))
        except OSError as error:
            raise ValueError(f"virtbridge.fleet.events: ca_cert, client_cert or client_key can not be used: {error}") from error
        if not self.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _address(self):
        url = self._text("url").rstrip("/")
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ValueError("virtbridge.fleet.events: url (VIRTBRIDGE_URL) must start with https:// or http:// and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("virtbridge.fleet.events: url must not hold a user, a password, a query or a fragment: the token is an option of its own")
        return url

    def _file(self, name):
        path = self._text(name)
        return path if path and os.stat(path).st_size > 0 else None

    def _text(self, name):
        value = self._args.get(name)
        if value is None or value == "":
            value = self._env.get(_ENV.get(name, ""), "")
        if not isinstance(value, str):
            raise ValueError(f"virtbridge.fleet.events: {name} is not a text")
        return value.strip()

    def _choice(self, name, choices):
        value = self._text(name) or choices[0]
        if value not in choices:
            raise ValueError(f"virtbridge.fleet.events: {name} is {value[:80]!r} and must be one of {', '.join(choices)}")
        return value

    def _flag(self, name, usual):
        value = self._args.get(name)
        if value is None or value == "":
            value = self._env.get(_ENV.get(name, ""), "")
        if value == "":
            return usual
        word = str(value).strip().lower()
        if word not in ("true", "yes", "1", "on", "false", "no", "0", "off"):
            raise ValueError(f"virtbridge.fleet.events: {name} is neither true nor false")
        return word in ("true", "yes", "1", "on")

    def _seconds(self, name, usual):
        value = self._args.get(name)
        if value is None or value == "":
            return usual
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = -1
        if not 0 <= seconds <= 3600:
            raise ValueError(f"virtbridge.fleet.events: {name} is no number of seconds from 0 to 3600")
        return seconds


class Frames:
    """Server-sent events out of bytes as they come: (type, id, data) each."""

    def __init__(self):
        self._rest = b""
        self._fields = {}

    def take(self, chunk):
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise Broken("a line of the stream does not end")
        found = []
        for line in lines:
            frame = self._line(line.rstrip(b"\r"))
            if frame is not None:
                found.append(frame)
        return found

    def _line(self, line):
        if not line:
            fields, self._fields = self._fields, {}
            return (fields.get("event", ""), fields.get("id", ""), fields.get("data", "")) if fields else None
        if line.startswith(b":"):
            return None
        name, colon, value = line.partition(b":")
        try:
            self._fields[name.decode()] = value.removeprefix(b" ").decode()
        except UnicodeDecodeError as error:
            raise Broken("the stream is not UTF-8") from error
        return None


class Unacknowledged:
    """Events that were handed on and are not acknowledged, in the order in which they were sent, by the connection that they came on."""

    def __init__(self):
        self._connection = 0
        self._events = OrderedDict()
        # What may be sent again although it was acknowledged: it was on its way.
        self._recent = OrderedDict()

    def __len__(self):
        return len(self._events)

    def connected(self):
        """A connection begins: it sends again what it does not know to be acknowledged, maybe in another order."""
        self._connection += 1

    def known(self, key, position):
        """Whether an event was handed on before; sent again, it has the position that it was sent with last."""
        if key in self._events:
            at = self._events.pop(key)[1]
        elif key in self._recent:
            at = float("-inf")
        else:
            return False
        self.add(key, position, at)
        return True

    def add(self, key, position, at):
        self._events[key] = (position, at, self._connection)

    def due(self, before):
        """The keys at the front that were handed on up to then, and the position of the last; no keys when there are none."""
        keys = []
        position = connection = None
        for key, (place, at, came_on) in self._events.items():
            # A position says nothing of what came on another connection.
            if at > before or connection not in (None, came_on):
                break
            keys.append(key)
            position, connection = place, came_on
        return keys, position

    def remove(self, keys):
        for key in keys:
            if self._events.pop(key, None) is not None:
                self._recent[key] = None
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)


class Reader:
    """Reads a bridge's events, hands them to ansible-rulebook, and acknowledges them."""

    def __init__(self, queue, options, session, now=time.monotonic):
        self._queue = queue
        self._options = options
        self._session = session
        self._now = now
        self._waiting = Unacknowledged()
        self._failures = 0
        self._gap_told = None
        self._has_read = False
        # When the bridge began to answer on this connection.
        self._answered = None

    async def run(self):
        """Never ends but by an error that another attempt would not mend."""
        acknowledging = asyncio.create_task(self._acknowledge_for_ever())
        following = None
        try:
            while True:
                following = asyncio.create_task(self._follow_once())
                await asyncio.wait((following, acknowledging), return_when=asyncio.FIRST_COMPLETED)
                if acknowledging.done():
                    acknowledging.result()
                await self._again(following)
        finally:
            tasks = [task for task in (following, acknowledging) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _again(self, following):
        try:
            pause = following.result()
        except (Broken, aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            pause = None
            if self._answered is not None and self._now() - self._answered > LONGEST_PAUSE:
                self._failures = 0
            self._failures += 1
            _log.warning("virtbridge.fleet.events: %s is not read: %s; trying again", self._options.url, self._without_token(error))
        if pause is None:
            # Full jitter, so that many do not come back at once.
            pause = random.uniform(0.2, min(LONGEST_PAUSE, 2 ** min(self._failures, 10)))
        await asyncio.sleep(pause)

    async def _follow_once(self):
        """Follows the stream until it ends; gives the seconds after which to come back, or None when that is to be found out."""
        options = self._options
        self._answered = None
        query = {"stream": options.stream, "from": options.offset}
        async with self._session.get(f"{options.base}/events", params=query, headers=await self._asking(), allow_redirects=False) as answer:
            if answer.status != 200:
                return await self._refused(answer)
            if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise Broken("what answers is no stream of events: check url, and what stands before the bridge")
            frames = Frames()
            async for chunk in answer.content.iter_any():
                for kind, position, data in frames.take(chunk):
                    if kind == "virtbridge.end":
                        return self._ended(data)
                    await self._take(kind, position, data)
        raise Broken("the stream has ended")

    async def _take(self, kind, position, data):
        if not data:
            return
        value = _parsed(data, "an event")
        if kind == "virtbridge.consumer":
            await self._begin(_object(value, "where the consumer stands"), position)
            return
        if not position:
            raise Broken("an event has no position")
        given = value.get("id") if isinstance(value, dict) else None
        key = given if isinstance(given, str) and given else position
        if self._waiting.known(key, position):
            return
        await self._hand_on(event_of(value, f"virtbridge.events.{self._options.stream}:{position}"))
        self._waiting.add(key, position, self._now())

    async def _hand_on(self, event):
        await self._queue.put(event)
        self._failures = 0
        if self._options.feedback_queue is not None:
            await self._options.feedback_queue.get()

    async def _begin(self, told, position):
        self._waiting.connected()
        self._has_read = True
        self._answered = self._now()
        where = f"{self._options.stream} events of {self._options.url} as {self._options.consumer!r}"
        if told.get("new"):
            _log.warning("virtbridge.fleet.events: reads %s for the first time, from the %s on", where, self._options.offset)
        else:
            _log.info("virtbridge.fleet.events: reads %s, from its position %s on", where, position)
        gap = told.get("gap")
        if not gap or gap == self._gap_told:
            return
        _object(gap, "the gap")
        self._gap_told = gap
        why = {
            "retention": "events were removed by the retention of the bridge before they were acknowledged, and are lost",
            "position": "the log of the bridge does not know its position: events come again, from the oldest that is kept",
        }.get(str(gap.get("reason")), "the bridge says that there is a gap")
        _log.error("virtbridge.fleet.events: %s: %s", where, why)
        gap_event = {"consumer": self._options.consumer, "stream": self._options.stream, **gap}
        await self._hand_on({"virtbridge": {"gap": gap_event}, "meta": {}})

    def _ended(self, data):
        because = _object(_parsed(data, "the end"), "the end").get("because") if data else None
        if because == "replaced":
            raise Refused(f"another activation reads as the consumer {self._options.consumer!r}: give each a name of its own")
        # What else there is to be told is told when it comes back, which is at once but never in a circle without a rest.
        return random.random()

    async def _refused(self, answer):
        body = (await answer.content.read(LONGEST_ANSWER)).decode("utf-8", "replace")
        said = self._without_token(_said(body))
        status = answer.status
        if status == 429 or status >= 500 or self._may_pass(status, said):
            self._failures += 1
            _log.warning("virtbridge.fleet.events: %s answered %s%s; trying again", self._options.url, status, said)
            after = answer.headers.get("Retry-After", "")
            return min(int(after[:6]), LONGEST_PAUSE) + random.random() if after.isascii() and after.isdigit() else None
        advice = {
            401: "set token (VIRTBRIDGE_TOKEN) to a valid one",
            403: "ask for a token that may read these events",
            404: "check url; the bridge may be older than this collection",
        }.get(status, "check the options")
        raise Refused(f"{self._options.url} answered {status}{said}: {advice}")

    def _may_pass(self, status, said):
        """Whether a refusal is not the last word: what stands before the bridge says it while the bridge is away, or a token is being replaced."""
        return self._has_read and (not said or (status == 401 and self._options.rotates))

    async def _acknowledge_for_ever(self):
        refused = 0
        while True:
            await asyncio.sleep(TICK)
            # With feedback each event was safe before the next one was taken.
            after = 0 if self._options.feedback_queue is not None else self._options.acknowledge_after
            keys, position = self._waiting.due(self._now() - after)
            if not keys:
                continue
            try:
                reason = await self._refusal_of(position)
            except (aiohttp.ClientError, OSError, ValueError, asyncio.TimeoutError) as error:
                reason = str(error) or type(error).__name__
            refused = refused + 1 if reason else 0
            if not reason:
                self._waiting.remove(keys)
                continue
            # Of a bridge that is away the stream tells.
            level = logging.WARNING if refused % TOLD_EACH == TOLD_AT else logging.INFO
            _log.log(level, "virtbridge.fleet.events: events are not acknowledged yet, and would come again: %s", self._without_token(reason))

    async def _refusal_of(self, position):
        """Acknowledges everything up to a position; gives why the bridge did not take it, empty when it did or never will."""
        options = self._options
        headers = await self._headers("application/json")
        timeout = aiohttp.ClientTimeout(total=CONNECT)
        async with self._session.post(
            f"{options.base}/position", params={"stream": options.stream}, json={"position": position}, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status == 200:
                return ""
            said = _said((await answer.content.read(LONGEST_ANSWER)).decode("utf-8", "replace"))
            if said and answer.status in (404, 409):
                # It was forgotten, or the log is another one: what is read next says so. This position is of no more use.
                _log.warning("virtbridge.fleet.events: an acknowledgement was not taken%s", self._without_token(said))
                return ""
            return f"{options.url} answered {answer.status}{said}"

    async def _asking(self):
        """The headers to read with; a file of a token that can not be read is an end only before it has ever been."""
        try:
            return await self._headers("text/event-stream")
        except ValueError as error:
            if self._has_read:
                raise Broken(str(error)) from None
            raise

    async def _headers(self, accept):
        token = await asyncio.to_thread(self._options.token)
        return {"Authorization": f"Bearer {token}", "Accept": accept, "User-Agent": "virtbridge.fleet.events"}

    def _without_token(self, said):
        try:
            return str(said).replace(self._options.token(), "<secret>")
        except ValueError:
            return str(said)


def event_of(value, offset):
    """An event as ansible.eda.kafka gives it."""
    given = value.get("id") if isinstance(value, dict) else None
    try:
        known = str(uuid.UUID(given))
    except (AttributeError, TypeError, ValueError):
        known = str(uuid.uuid5(uuid.NAMESPACE_URL, offset))
    headers = {"content-type": "application/cloudevents+json", "message_uuid": known}
    return {"body": value, "meta": {"headers": headers, "uuid": known, "source_offset": offset}}


def _parsed(data, what):
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Broken(f"{what} is not JSON") from error


def _object(value, what):
    if not isinstance(value, dict):
        raise Broken(f"{what} is not told as an object")
    return value


def _said(body):
    try:
        value = json.loads(body)
        text = f" {value['code']}: {value['detail']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "".join(char if char.isprintable() else " " for char in text)[:500]


async def main(queue, args):
    """The entry point of ansible-rulebook: hands events on until it is cancelled; raises what another attempt would not mend."""
    options = Options(args, os.environ)
    if aiohttp is None:
        raise RuntimeError("virtbridge.fleet.events needs aiohttp, which ansible-rulebook brings along")
    connector = aiohttp.TCPConnector(ssl=await asyncio.to_thread(options.context) or True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await Reader(queue, options, session).run()
