# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Lays an event of virtbridge open, so that rules are short. ansible-rulebook runs this file by its path: it imports the standard library alone."""

from __future__ import annotations

import re

DOCUMENTATION = r"""
name: unwrap
short_description: Lay an event of virtbridge open, so that rules are short
description:
  - Turns the CloudEvent that stands under C(event.body) (C(ansible.eda.kafka), C(virtbridge.fleet.events)) or under
    C(event.payload) (an event stream of the controller, a webhook) into the event itself, so that rules say C(event.fact) and
    C(event.vm.os.family) wherever it came from.
  - What is in C(data) of the event stands at its top, beside C(id), C(type), C(source), C(subject) and C(time) of the CloudEvent and the
    C(meta) of ansible-rulebook.
  - It adds C(kind) (C(vm), C(cluster) or C(day2)); C(news), which is false for what is known from a first sight or an audit and for one of too many
    deletions at once, so that nothing may start from it; and C(limit), the host name when it is one and can be used as the limit of a launch, else empty.
  - What is no event of virtbridge of a version that it knows is handed on as it came. It never fails.
options: {}
"""

EXAMPLES = r"""
- ansible.eda.kafka:
    host: kafka.example.com
    port: 9092
    topic: virtbridge.events.vm
    group_id: onboard
  filters:
    - virtbridge.fleet.unwrap:

# and in a rule
# condition: (event.fact == "started") and (event.news == true) and (event.limit != "") and (event.vm.os.family == "linux")
"""

LONGEST_HOST = 253

_TYPE = re.compile(r"io\.virtbridge\.(vm|cluster|day2)\.[a-z0-9_]{1,64}\.v1\Z")
# One host and nothing else: no pattern, no list, no group that is always there.
_HOST = re.compile(r"(?!(?:all|ungrouped|localhost)\Z)[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def main(event):
    """The event, laid open when it is one of virtbridge's."""
    cloud = _cloud_event(event)
    if cloud is None:
        return event
    data = cloud["data"]
    return {
        **data,
        **{key: cloud.get(key, "") for key in ("id", "type", "source", "subject", "time")},
        "kind": _TYPE.match(cloud["type"]).group(1),
        "news": data.get("origin", "live") in ("live", "sync") and data.get("burst", False) is False,
        "limit": _limit(data.get("host")),
        "meta": event.get("meta", {}),
    }


def _cloud_event(event):
    for key in ("body", "payload"):
        cloud = event.get(key) if isinstance(event, dict) else None
        if isinstance(cloud, dict) and isinstance(cloud.get("data"), dict) and _TYPE.match(str(cloud.get("type", ""))):
            return cloud
    return None


def _limit(host):
    return host if isinstance(host, str) and len(host) <= LONGEST_HOST and _HOST.match(host) else ""
