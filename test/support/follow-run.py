"""Follows a run with the module of the role `ask` (the path of its file), against a bridge that answers with these runs (JSON on stdin),
each for so many looks, in which its hosts get on. Prints the lines of each time that it tells, when that was (s), and how often it said that it watches."""

from __future__ import annotations

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("virtbridge_run", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


class Clock:
    """Nobody waits: sleeping is what moves it on."""

    now = 0.0

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.now += seconds


class Bridge:
    def __init__(self, answers, older):
        self.answers = answers
        self.older = older
        self.watched = 0

    def ask(self, method, path, body=None):
        if method == "POST":
            self.watched += 1
            if self.older:
                raise module.Refused(404, {"code": "not_found", "detail": "there is no such route"})
            return {}
        answer = self.answers[0]
        answer["looks"] -= 1
        if answer["looks"] <= 0 and len(self.answers) > 1:
            self.answers.pop(0)
        if answer.get("moves"):
            for host in answer["run"]["progress"]["hosts"]:
                host["done"] += 1
        return answer["run"]


given = json.load(sys.stdin)
clock = module.time = Clock()
bridge = Bridge(given["answers"], given["older"])
told = {}
times = []
while True:
    run, news, told = module.follow(bridge, "6a3a5bb4-6a54-5b0f-9b43-b7dbbcc1bd6e", told)
    times.append({"at": clock.now, "lines": news})
    if run["status"] == "finished":
        break
print(json.dumps({"times": times, "watched": bridge.watched, "said": len(json.dumps(told))}))
