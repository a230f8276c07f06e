"""Stands in for the event source ansible.eda.kafka, which is on no package registry (`ansible-rulebook -S` finds it by this name).

Reads the records of a topic from $VIRTBRIDGE_TEST_RECORDS, one JSON value a line, follows the file as it grows, and never
ends, for a source that ends takes the rulebook with it. The events have the shape that the real source gives:
{"body": the value, "meta": {"headers", "uuid", "source_offset"}}. Refuses arguments that the real source would refuse.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid

KNOWN = frozenset(
    (
        "host port topic topics topic_pattern group_id offset encoding security_protocol sasl_mechanism sasl_plain_username "
        "sasl_plain_password sasl_kerberos_service_name sasl_kerberos_domain_name cafile certfile keyfile password "
        "check_hostname verify_mode metadata_max_age_ms feedback feedback_timeout message_format"
    ).split()
)


async def main(queue, args):
    topic = checked(args)
    with open(os.environ["VIRTBRIDGE_TEST_RECORDS"], encoding="utf-8") as records:
        offset = 0
        line = ""
        while True:
            line += records.readline()
            if not line.endswith("\n"):
                await asyncio.sleep(0.02)
                continue
            await queue.put(event_of(json.loads(line), f"{topic}:0:{offset}"))
            offset += 1
            line = ""


def checked(args):
    given = {name for name in args if not name.startswith("eda_")}
    if given - KNOWN:
        raise ValueError(f"ansible.eda.kafka does not know {sorted(given - KNOWN)}")
    for name in ("host", "port"):
        if args.get(name) in (None, ""):
            raise ValueError(f"ansible.eda.kafka needs {name}")
    topics = [args[name] for name in ("topic", "topics", "topic_pattern") if args.get(name)]
    if len(topics) != 1:
        raise ValueError("ansible.eda.kafka needs exactly one of topic, topics and topic_pattern")
    if args.get("offset", "latest") not in ("latest", "earliest"):
        raise ValueError("ansible.eda.kafka: offset is latest or earliest")
    return topics[0]


def event_of(value, offset):
    given = value.get("id") if isinstance(value, dict) else None
    return {
        "body": value,
        "meta": {
            "headers": {"content-type": "application/cloudevents+json", **({"message_uuid": given} if given else {})},
            "uuid": given or str(uuid.uuid5(uuid.NAMESPACE_URL, offset)),
            "source_offset": offset,
        },
    }
