# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the events of virtbridge that a rulebook is about. ansible-rulebook runs this file by its path: it imports the standard library alone."""

from __future__ import annotations

import functools
import logging
import re

DOCUMENTATION = r"""
name: select
short_description: Keep the events of virtbridge that a rulebook is about
description:
  - Of an event that does not meet all that is asked, only C(meta) is left, which no rule about C(event.body), C(event.payload) or what
    C(virtbridge.fleet.unwrap) gives can match. The event itself is not taken away, as versions of ansible-rulebook before 1.2 can not, and
    a source with C(feedback) would wait for it for ever.
  - May stand before or after C(virtbridge.fleet.unwrap). What is no event of virtbridge is not kept.
  - An event that does not have what is asked for does not meet it, for example the os of an event about a cluster.
  - ansible-rulebook fills in no variables here, so a value with C({{) is refused.
options:
  kinds:
    description: What the event is about, C(vm), C(cluster) or C(day2).
    type: list
    elements: str
  facts:
    description: What became true, for example C(started). The names are those of the events of virtbridge.
    type: list
    elements: str
  news:
    description:
      - With V(true) only what may start work, that is neither a first sight, nor an audit, nor one of too many deletions at once.
      - With V(false) only those.
    type: bool
  adopted:
    description:
      - With V(false) only VMs that came after their cluster was adopted, with V(true) only those that were there before.
      - Events of a virtbridge before 0.2 do not say it, and are kept by neither.
    type: bool
  clusters:
    description: Names of clusters.
    type: list
    elements: str
  namespaces:
    description: Namespaces of VMs.
    type: list
    elements: str
  os:
    description: Families (C(linux), C(windows)) or ids (C(rhel)) of operating systems.
    type: list
    elements: str
  selector:
    description:
      - Labels of the VM as kubectl selects by them, for example C(env=prod,tier in (web, db),!legacy,generation>3).
      - What C(>) and C(<) compare are whole numbers. A value that is none, as every one with a sign, is neither more nor less.
      - An event that was too large for its labels is not kept, and told in the log, as nobody knows whether it meets this.
    type: str
  verbs:
    description: Verbs of the runs that events of the kind C(day2) are about, for example C(onboard).
    type: list
    elements: str
"""

EXAMPLES = r"""
- virtbridge.fleet.events:
    url: https://virtbridge.example.com
    consumer: onboard
  filters:
    - virtbridge.fleet.select:
        facts: [started, restarted]
        news: true
        os: linux
        selector: env=prod
    - virtbridge.fleet.unwrap:
"""

MAX_CHOICES = 1000
MAX_SELECTOR = 4096

_TYPE = re.compile(r"io\.virtbridge\.(vm|cluster|day2)\.[a-z0-9_]{1,64}\.v1\Z")
_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?\Z")
_PRESENCE = re.compile(rf"(!?)\s*({_KEY})\Z")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=|>|<)\s*([^\s=!(),<>]*)\Z")
# Whole numbers of 64 bits, as Kubernetes has them; a label's value has no sign.
_WHOLE = re.compile(r"[0-9]{1,63}\Z")
_MOST = 2**63 - 1
_SIGNS = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)\Z")
_KINDS = ("cluster", "day2", "vm")
# As in the schemas of the events.
_FACTS = tuple(
    (
        "address_changed address_conflict address_conflict_resolved available brake_released brake_set crashed created deleted deletions_confirmed "
        "detached discovered guest_changed host_failed host_missing host_succeeded host_unknown host_unreachable import_failed imported joined "
        "labels_changed launch_refused loss_confirmed migrated migration_failed moved out_of_scope paused placement_changed reachable records_lost "
        "restart_required restarted restore_failed restore_succeeded resynced root_disk_replaced run_finished run_started run_stuck snapshot_failed "
        "snapshot_succeeded start_failed started stopped unavailable unpaused unreachable"
    ).split()
)
_WORDS = ("adopted", "clusters", "facts", "kinds", "namespaces", "news", "os", "selector", "verbs")

_log = logging.getLogger("virtbridge.fleet.select")


def main(event, **asked):
    """The event, or what is left of one that was not asked for; raises ValueError when what is asked for can not be understood."""
    conditions = _conditions(tuple((word, _frozen(asked[word])) for word in sorted(asked)))
    facts = _facts(event)
    if facts is not None and all(meets(facts) for meets in conditions):
        return event
    return {"meta": event.get("meta", {})} if isinstance(event, dict) else {"meta": {}}


def _facts(event):
    """What the event says, by the words of the options; None when it is not one of virtbridge."""
    if not isinstance(event, dict):
        return None
    cloud = next((event[key] for key in ("body", "payload") if isinstance(event.get(key), dict)), event)
    data = cloud.get("data") if isinstance(cloud.get("data"), dict) else event
    kind = _TYPE.match(str(cloud.get("type", "")))
    if kind is None:
        return None
    vm, cluster, run = (_mapping(data, key) for key in ("vm", "cluster", "run"))
    subject = str(cloud.get("subject", "")).split("/")
    # An event of a run has no cluster and no namespace of its own: its subject does.
    place = subject if kind.group(1) == "day2" and len(subject) == 3 else (cluster.get("name"), vm.get("namespace"))
    system = _mapping(vm, "os")
    trimmed = data.get("trimmed")
    return {
        "kinds": (kind.group(1),),
        "facts": (data.get("fact"),),
        "news": data.get("origin", "live") in ("live", "sync") and data.get("burst", False) is False,
        "adopted": vm.get("adopted"),
        "clusters": (place[0],),
        "namespaces": (place[1],),
        "os": (system.get("family"), system.get("id")),
        "verbs": (run.get("verb"),),
        "labels": vm.get("labels") if isinstance(vm.get("labels"), dict) else None,
        "unlabelled": isinstance(trimmed, list) and "vm.labels" in trimmed,
        "subject": cloud.get("subject", ""),
    }


def _mapping(value, key):
    return value[key] if isinstance(value.get(key), dict) else {}


def _frozen(value):
    """The value as something that can be a key; what is neither a text, a yes or no, nor a list of texts becomes what no option takes."""
    if isinstance(value, list):
        return tuple(one if isinstance(one, str) else None for one in value)
    return value if value is None or isinstance(value, (str, bool)) else ()


@functools.lru_cache(maxsize=64)
def _conditions(asked):
    """The conditions that an event must meet, each a function of what it says."""
    unknown = [word for word, wanted in asked if word not in _WORDS]
    if unknown:
        raise ValueError(f"virtbridge.fleet.select: there is no {unknown[0][:80]!r}; known are {', '.join(_WORDS)}")
    return tuple(_condition(word, wanted) for word, wanted in asked if wanted is not None)


def _condition(word, wanted):
    if word in ("adopted", "news"):
        if not isinstance(wanted, bool):
            raise ValueError(f"virtbridge.fleet.select: {word} is neither true nor false")
        return lambda facts: facts[word] is wanted
    if word == "selector":
        requirements = _requirements(wanted)
        return lambda facts: _labelled(facts, requirements)
    values = (wanted,) if isinstance(wanted, str) else wanted
    if not isinstance(values, tuple) or not 0 < len(values) <= MAX_CHOICES or not all(isinstance(one, str) for one in values):
        raise ValueError(f"virtbridge.fleet.select: {word} is not a list of 1 to {MAX_CHOICES} texts")
    for one in values:
        _refuse_template(word, one)
        known = {"facts": _FACTS, "kinds": _KINDS}.get(word, (one,))
        if one not in known:
            raise ValueError(
                f"virtbridge.fleet.select: {word}: there is no {one[:80]!r}, or the bridge is newer than this collection; known are {', '.join(known)}"
            )
    among = frozenset(values) - {""}
    return lambda facts: not among.isdisjoint(one for one in facts[word] if isinstance(one, str))


def _refuse_template(word, text):
    if "{{" in text or "{%" in text:
        raise ValueError(f"virtbridge.fleet.select: {word} holds a template, which ansible-rulebook does not fill in for a filter: write the value itself")


def _requirements(selector):
    """The conditions of a label selector as kubectl takes it: (key, operator, values) with in, notin, exists, absent, gt, lt."""
    if not isinstance(selector, str) or len(selector) > MAX_SELECTOR:
        raise ValueError(f"virtbridge.fleet.select: selector is not a text of at most {MAX_SELECTOR} characters")
    _refuse_template("selector", selector)
    # A comma between parentheses separates values, any other one conditions.
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", selector)]
    return [_requirement(part) for part in parts] if parts != [""] else []


def _requirement(part):
    for pattern in (_PRESENCE, _EQUAL, _SET):
        found = pattern.match(part)
        if not found:
            continue
        if pattern is _PRESENCE:
            return found.group(2), "absent" if found.group(1) else "exists", ()
        key, operator, value = found.groups()
        values = tuple(one.strip() for one in value.split(",")) if pattern is _SET else (value,)
        if operator in "<>" and _whole(value) is None:
            break
        if all(_VALUE.match(one) for one in values):
            return key, _SIGNS.get(operator, operator), values
    raise ValueError(f"virtbridge.fleet.select: selector: {part[:80]!r} is no condition on labels; write env=prod, tier in (a, b), !legacy")


def _labelled(facts, requirements):
    labels = facts["labels"]
    if not requirements:
        return True
    if facts["unlabelled"]:
        _log.warning("virtbridge.fleet.select: not kept, as it was too large for its labels: %s of %s", facts["facts"][0], facts["subject"])
        return False
    if labels is None:
        return False
    return all(_meets(labels, *requirement) for requirement in requirements)


def _meets(labels, key, operator, values):
    if operator in ("exists", "absent"):
        return (key in labels) is (operator == "exists")
    if operator in ("gt", "lt"):
        value, bound = _whole(labels.get(key)), _whole(values[0])
        return value is not None and (value > bound if operator == "gt" else value < bound)
    return (key in labels and labels[key] in values) is (operator == "in")


def _whole(value):
    number = int(value) if isinstance(value, str) and _WHOLE.match(value) else None
    return number if number is not None and number <= _MOST else None
