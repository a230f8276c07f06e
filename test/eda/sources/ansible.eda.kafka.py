"""Stands in for the event source ansible.eda.kafka, which is on no package registry (`ansible-rulebook -S` finds it by this name).

Reads a topic of a real Kafka as the collection documents it: one record at a time; with a group its position is committed every
five seconds and when it ends, or, with `feedback`, when the engine has taken the event. It never ends by itself, for a source that
ends takes all rulebooks of the process with it. Events have the shape that the real one gives them, {"body": the value,
"meta": {"headers", "uuid", "source_offset", "produced_at"}}. Refuses arguments that the real source would refuse.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import uuid

from aiokafka import AIOKafkaConsumer
from aiokafka.helpers import create_ssl_context

KNOWN = frozenset(
    (
        "host port topic topics topic_pattern group_id offset encoding security_protocol sasl_mechanism sasl_plain_username "
        "sasl_plain_password sasl_kerberos_service_name sasl_kerberos_domain_name cafile certfile keyfile password "
        "check_hostname verify_mode metadata_max_age_ms feedback feedback_timeout message_format"
    ).split()
)


async def main(queue, args):
    topic = checked(args)
    feedback = args.get("eda_feedback_queue")
    security = args.get("security_protocol") or "PLAINTEXT"
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=f"{args['host']}:{args['port']}",
        group_id=args.get("group_id"),
        auto_offset_reset=args.get("offset", "latest"),
        enable_auto_commit=feedback is None,
        max_poll_records=1,
        security_protocol=security,
        ssl_context=create_ssl_context(cafile=args.get("cafile")) if security.endswith("SSL") else None,
        sasl_mechanism=args.get("sasl_mechanism") or "PLAIN",
        sasl_plain_username=args.get("sasl_plain_username"),
        sasl_plain_password=args.get("sasl_plain_password"),
    )
    await consumer.start()
    try:
        await positioned(consumer)
        print(f"ansible.eda.kafka reads from its position: {topic}", flush=True)
        async for record in consumer:
            await queue.put(event_of(record))
            if feedback is not None:
                await asyncio.wait_for(feedback.get(), timeout=args.get("feedback_timeout", 120))
                # Of all its partitions, as the real one does, and never before the first record.
                await consumer.commit()
    finally:
        await consumer.stop()


async def positioned(consumer):
    """Returns when it has its partitions and knows where to begin: what is written from then on, it will read."""
    while not consumer.assignment():
        await asyncio.sleep(0.02)
    for partition in consumer.assignment():
        await consumer.position(partition)


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
    if args.get("feedback") and args.get("eda_feedback_queue") is None:
        raise ValueError("ansible.eda.kafka: feedback needs an ansible-rulebook that gives it")
    return topics[0]


def event_of(record):
    offset = f"{record.topic}:{record.partition}:{record.offset}"
    headers = {name: value.decode("utf-8") for name, value in record.headers}
    produced = datetime.datetime.fromtimestamp(record.timestamp / 1000, datetime.timezone.utc)
    return {
        "body": json.loads(record.value.decode("utf-8")),
        "meta": {
            "headers": headers,
            "uuid": headers.get("message_uuid") or str(uuid.uuid5(uuid.NAMESPACE_URL, offset)),
            "source_offset": offset,
            "produced_at": produced.isoformat().replace("+00:00", "Z"),
        },
    }
