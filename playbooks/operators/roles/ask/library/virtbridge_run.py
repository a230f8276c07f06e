#!/usr/bin/python
# -*- coding: utf-8 -*-
# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Asks a virtbridge for a run, and follows it.

The address and the token come from the environment of the credential "virtbridge API" alone: neither is an argument, so neither is in
what Ansible prints or passes on.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virtbridge_run
short_description: Asks virtbridge for a run, and follows it
description:
  - Reads E(VIRTBRIDGE_URL), E(VIRTBRIDGE_TOKEN), E(VIRTBRIDGE_CA_CERT), E(VIRTBRIDGE_CLIENT_CERT) and E(VIRTBRIDGE_CLIENT_KEY).
options:
  step:
    description: What to do now.
    choices: [preview, start, follow, cancel]
    type: str
    required: true
  wish:
    description: "Verb and hosts as the API takes them. For V(preview) and V(start)."
    type: dict
    default: {}
  key:
    description: "The same key is the same wish, however often it is asked for. For V(start)."
    type: str
    default: ""
  run:
    description: "The id of a run. For V(follow) and V(cancel)."
    type: str
    default: ""
  told:
    description: "What V(follow) returned as RV(told) the last time: it waits until there is more to tell."
    type: dict
    default: {}
  patience:
    description: Seconds that the bridge may be away before this gives up.
    type: int
    default: 600
"""

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_native, to_text
from ansible.module_utils.urls import open_url

# A wish that is on record is taken in by the dispatcher within moments; after this long there is none.
TAKEN_IN_SECONDS = 60
LOOK_EVERY_SECONDS = 2
REQUEST_SECONDS = 60
# Hosts that are shown of each kind; of more their number is told.
SHOWN = 100
# Hosts whose every step is told while a run goes on; of more than that, those that fail, and how many are how far.
FEW = 20
# How often it is told how far a run is, its end apart: each time is an include of a play within the one before.
TOLD_TIMES = 100
# Seconds from one time to the next: so many at first and so many times more each time, which comes to half a day in all.
TOLD_EVERY_SECONDS = 4
TOLD_SLOWER = 1.07
# Who watches a run says so again within this time; the bridge forgets it after a minute.
WATCH_EVERY_SECONDS = 30
# Outcomes of hosts on which no task ran.
UNTOUCHED = ("refused", "missing")
STATES = (("waits", "not begun"), ("runs", "under way"), ("failed", "failed"), ("unreachable", "unreachable"))
# Characters of one text that is shown.
TEXT = 1000
# Answers that say "not now", whatever was asked.
AWAY = (429, 502, 503, 504)
# A run lives for a day at most, so an older one of the same key is of another job: of a controller that was set up anew.
KEY_SECONDS = 2 * 86400


class Refused(Exception):
    """The bridge has answered, and it is no."""

    def __init__(self, status, problem):
        self.status = status
        self.problem = problem
        detail = problem.get("detail") or "it answered with %d" % status
        hint = problem.get("hint") or ""
        super(Refused, self).__init__("%s%s" % (detail, ": %s" % hint if hint else ""))


class Away(Exception):
    """The bridge has not answered, or not for long enough."""


class Bridge(object):
    """One bridge, as the environment names it."""

    def __init__(self, env, patience):
        self.url = env.get("VIRTBRIDGE_URL", "").rstrip("/")
        self.patience = patience
        token = env.get("VIRTBRIDGE_TOKEN", "").strip()
        if not self.url or not token:
            raise Refused(0, {"detail": "this job has no virtbridge to ask", "hint": "give its template a credential of the type virtbridge API"})
        self.headers = {"Authorization": "Bearer %s" % token, "Accept": "application/json"}
        self.trust = {
            "ca_path": _file(env.get("VIRTBRIDGE_CA_CERT", "")),
            "client_cert": _file(env.get("VIRTBRIDGE_CLIENT_CERT", "")),
            "client_key": _file(env.get("VIRTBRIDGE_CLIENT_KEY", "")),
        }

    def ask(self, method, path, body=None, headers=None):
        """One answer, however often it takes while the bridge is away. What is asked for must be safe to repeat."""
        until = time.time() + self.patience
        while True:
            try:
                return self._once(method, path, body, headers or {})
            except Away:
                if time.time() > until:
                    raise
            time.sleep(LOOK_EVERY_SECONDS)

    def _once(self, method, path, body, headers):
        sent = dict(self.headers, **headers)
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body)
        try:
            answer = open_url(
                self.url + path,
                method=method,
                data=data,
                headers=sent,
                timeout=REQUEST_SECONDS,
                http_agent="virtbridge-operators",
                **self.trust
            )
            return _parsed(answer.read())
        except Exception as error:
            status = getattr(error, "code", 0)
            if not status and "CERTIFICATE_VERIFY_FAILED" in to_native(error):
                raise Refused(0, {"detail": "the certificate of %s is signed by nobody known" % self.url, "hint": "the credential takes the authority's"})
            if not status or status in AWAY:
                raise Away("virtbridge at %s does not answer: %s" % (self.url, _plain(error)))
            raise Refused(status, _parsed(error.read()))


def _file(path):
    """A file of the credential; one of a field that was left empty counts as none."""
    return path if path and os.path.exists(path) and os.path.getsize(path) > 0 else None


def _parsed(body):
    try:
        return json.loads(to_text(body))
    except ValueError:
        return {}


def _plain(error):
    """What went wrong, without what was sent: a header is never in it."""
    return to_native(getattr(error, "reason", None) or error)[:300]


def standing(run):
    """Where a run stands, in a few words: also why it waits."""
    job = run.get("job")
    text = "%s%s on %d" % (run["status"], " (job %d)" % job["id"] if job else "", len(run["hosts"]))
    pending = run.get("job_pending")
    waits = run.get("message", "") if pending is None else "waits at the controller%s" % (": %s" % pending if pending else "")
    return _inert("%s%s%s" % (_step(run), text, ": %s" % waits if waits else ""))


def _step(run):
    """The step that a run is at, as the command line names it. Empty where it is one job, and once it has ended: then each host says how far it came."""
    steps, at = run.get("steps") or [], run.get("step") or 0
    if run["status"] == "finished" or at >= len(steps):
        return ""
    return "step %s (%d of %d): " % (steps[at]["name"], at + 1, len(steps))


def course(run):
    """How far a run is, in a few words each: itself (under ""), hosts by their names, and all together (under "all") where they are many."""
    told = {"": standing(run)}
    progress = run.get("progress") or {}
    hosts = progress.get("hosts") or []
    bad = [host for host in hosts if host["state"] in ("failed", "unreachable")]
    for host in [host for host in hosts if host["state"] != "waits"] if len(hosts) <= FEW else bad:
        at = ": %s" % _inert(host["task"]) if host["task"] else ""
        words = host["state"] if host in bad else "%d done, %d changed" % (host["done"], host["changed"])
        told[host["host"]] = "%s: %s%s" % (_inert(host["host"]), words, at)
    if len(hosts) > FEW:
        counts = [(len([host for host in hosts if host["state"] == state]), words) for state, words in STATES]
        at = "; at: %s" % _inert(progress["task"]) if progress.get("task") else ""
        told["all"] = ", ".join("%d %s" % count for count in counts if count[0]) + at
    return told


def _news(said, told):
    """What was not told yet, of as many hosts as are shown."""
    news = dict((about, words) for about, words in told.items() if said.get(about) != words)
    room = SHOWN + 2 - len(said)
    fresh = [about for about in news if about not in said and about not in ("", "all")]
    for about in fresh[max(room, 0):]:
        del news[about]
    return news


def _inert(text):
    """One line that does nothing to a terminal, whatever a guest or a playbook has put into it."""
    return "".join(each if each.isprintable() else "?" for each in to_text(text)[:TEXT])


def foreseen(verb, hosts):
    """On whom a run would launch now, and why not on the others, in lines for a person."""
    on = [host for host in hosts if host["launch"]]
    off = [host for host in hosts if not host["launch"]]
    lines = ["%s would be launched now on %d of %d" % (verb, len(on), len(hosts))]
    lines += _some([host["host"] for host in on])
    if off:
        lines += ["not now, and left out: %d" % len(off)]
        lines += _some(["%s: %s" % (host["host"], _inert(host["because"])) for host in off])
    return lines


def _some(lines):
    more = ["  and %d more" % (len(lines) - SHOWN)] if len(lines) > SHOWN else []
    return ["  %s" % line for line in lines[:SHOWN]] + more


def start(bridge, wish, key):
    """The id of the run of a wish. A wish that was there already is not made again."""
    try:
        return bridge.ask("POST", "/api/v1/runs", wish, {"Idempotency-Key": key})["id"]
    except Refused as refused:
        # The VMs of a view may be others by now; the run that this very job began is still its own.
        if refused.problem.get("code") == "key_used" and refused.problem.get("run"):
            return refused.problem["run"]
        raise


def follow(bridge, run, before):
    """The run with what is new of it, and what was told by then: as soon as it stands elsewhere, or its hosts do and it is time to tell."""
    path = "/api/v1/runs/%s" % run
    missing_until = time.time() + TAKEN_IN_SECONDS
    times = before.get("times", 0)
    said = before.get("said", {})
    due = time.monotonic() + TOLD_EVERY_SECONDS * TOLD_SLOWER**times
    watch_at = 0
    while True:
        try:
            found = bridge.ask("GET", path)
        except Refused as refused:
            if refused.problem.get("code") != "no_run" or time.time() > missing_until:
                raise
            found = None
        if found is not None:
            if not said and time.time() - found["created_at"] / 1000.0 > KEY_SECONDS:
                raise Refused(0, {"detail": "run %s is of another job of this number" % run, "hint": "launch this template again"})
            news = _news(said, course(found))
            if found["status"] == "finished" or (times < TOLD_TIMES and news and ("" in news or time.monotonic() >= due)):
                return found, list(news.values()), {"times": times + 1, "said": dict(said, **news)}
            if found["status"] == "following" and time.monotonic() >= watch_at:
                watch_at = time.monotonic() + WATCH_EVERY_SECONDS if _watches(bridge, path) else float("inf")
        time.sleep(LOOK_EVERY_SECONDS)


def _watches(bridge, path):
    """Says that somebody watches, so that the bridge looks how each host does. A bridge that knows no such thing is not asked again."""
    try:
        bridge.ask("POST", path + "/watch", {})
    except Refused:
        return False
    return True


def outcomes(run):
    """What became of each host, those that were left out among them, and whether the run may have changed it: a dry run has changed none."""
    told = [
        {"host": result["host"], "outcome": result["outcome"], "detail": _inert(result["detail"]), "touched": not run.get("check") and _touched(result)}
        for result in run["results"]
    ]
    names = set(result["host"] for result in told)
    left = [
        {"host": out["host"], "outcome": "refused", "detail": _inert(out["reason"]), "touched": False}
        for out in run["left_out"]
        if out["host"] not in names
    ]
    return sorted(told + left, key=lambda result: result["host"])


def _touched(result):
    """False of a host to which nothing was sent, or of which its play says that it left it as it was; of all others nobody knows."""
    return result["outcome"] not in UNTOUCHED and (result.get("returned") or {}).get("changed") is not False


def summary(run, results):
    """How a run ended, in a few words."""
    counts = {}
    for result in results:
        counts[result["outcome"]] = counts.get(result["outcome"], 0) + 1
    told = ", ".join("%d %s" % (count, outcome) for outcome, count in sorted(counts.items()))
    return "%s (%s)" % (run["outcome"], told or run.get("message") or "no host")


def main():
    module = AnsibleModule(
        argument_spec=dict(
            step=dict(type="str", required=True, choices=["preview", "start", "follow", "cancel"]),
            wish=dict(type="dict", default={}),
            key=dict(type="str", default="", no_log=False),
            run=dict(type="str", default=""),
            told=dict(type="dict", default={}),
            patience=dict(type="int", default=600),
        ),
        required_if=[("step", "start", ("wish", "key")), ("step", "follow", ("run",)), ("step", "cancel", ("run",))],
        supports_check_mode=True,
    )
    given = module.params
    try:
        bridge = Bridge(os.environ, given["patience"])
        if given["step"] == "preview":
            hosts = bridge.ask("POST", "/api/v1/runs/preview", given["wish"])["hosts"]
            module.exit_json(changed=False, hosts=hosts, told=foreseen(given["wish"]["verb"], hosts))
        if given["step"] == "follow":
            run, news, told = follow(bridge, given["run"], given["told"])
            ended = run["status"] == "finished"
            results = outcomes(run) if ended else []
            came = summary(run, results) if ended else ""
            # Of how far each host is, what is new is enough: it is printed in no other way.
            run.pop("progress", None)
            module.exit_json(changed=False, run=run, news=news, told=told, ended=ended, results=results, summary=came)
        if module.check_mode:
            module.exit_json(changed=True, id="")
        if given["step"] == "start":
            module.exit_json(changed=True, id=start(bridge, given["wish"], given["key"]))
        bridge.ask("POST", "/api/v1/runs/%s/cancel" % given["run"], {})
        module.exit_json(changed=True, id=given["run"])
    except (Refused, Away) as problem:
        module.fail_json(msg=to_native(problem))


if __name__ == "__main__":
    main()
