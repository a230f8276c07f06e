#!/usr/bin/python3
"""Plays subscription-manager: keeps what is registered, writes down how it was called, and knows one key, one user and what may go wrong."""
import json, os, sys

STATE, CALLS, SERVER = "/var/lib/rhsm-state.json", "/var/log/rhsm-calls.jsonl", "/var/lib/rhsm-server.json"
KEY, USER, PASSWORD, ORGANIZATION = "key-of-acme", "ann", "pass-of-ann", "acme"


def read(path, otherwise):
    return json.load(open(path)) if os.path.exists(path) else otherwise


def say(code, text):
    print(text, file=sys.stderr if code else sys.stdout)
    sys.exit(code)


state, server = read(STATE, {}), read(SERVER, {})
command, options = sys.argv[1], dict(each.lstrip("-").split("=", 1) for each in sys.argv[2:] if "=" in each)
seen = open("/proc/self/cmdline").read().split("\0")
with open(CALLS, "a") as calls:
    calls.write(json.dumps({"command": command, "options": sorted(options), "seen": [each for each in seen if each]}) + "\n")

if command == "clean":
    state = {}
elif command == "config":
    pass
elif server.get("fault") and command in ("register", "identity", "unregister"):
    if command == "register" or state.get("uuid"):
        say(70, server["fault"])
    say(1, "This system is not yet registered. Try 'subscription-manager register --help' for more information.")
elif command == "identity":
    if not state.get("uuid"):
        say(1, "This system is not yet registered. Try 'subscription-manager register --help' for more information.")
    if server.get("deleted") == state["uuid"]:
        say(69, 'Consumer profile "%s" has been deleted from the server. You can use command clean or unregister to remove local profile.' % state["uuid"])
    say(0, "system identity: %s\nname: db-1\norg name: ACME\norg ID: %s" % (state["uuid"], state["org"]))
elif command == "register":
    if state.get("uuid"):
        say(64, "This system is already registered. Use --force to override")
    if "activationkey" in options and (options["activationkey"], options.get("org")) != (KEY, ORGANIZATION):
        say(70, "None of the activation keys specified exist for this org: %s." % options["activationkey"])
    if "activationkey" not in options and (options.get("username"), options.get("password")) != (USER, PASSWORD):
        say(70, "Invalid user credentials: %s" % options.get("password"))
    facts = read("/etc/rhsm/facts/dmi_uuid.facts", {})
    state = {"uuid": "c0ffee-%d" % os.getpid(), "org": options.get("org", ORGANIZATION), "facts": facts, "repos": []}
    print("The system has been registered with ID: %s" % state["uuid"])
elif command == "unregister":
    if not state.get("uuid"):
        say(1, "This system is currently not registered.")
    if server.get("deleted") == state["uuid"]:
        say(69, 'Unit %s has been deleted (HTTP error code 410: Gone)' % state["uuid"])
    state = {}
    print("System has been unregistered.")
elif command == "repos":
    for each in sys.argv[2:]:
        if each == "--enable":
            continue
    named = [sys.argv[i + 1] for i, each in enumerate(sys.argv) if each == "--enable"] + ([options["enable"]] if "enable" in options else [])
    state["repos"] = sorted(set(state.get("repos", []) + named))
    if "--list" in sys.argv:
        print("+----------------------------------------------------------+\n    Available Repositories in /etc/yum.repos.d/redhat.repo\n+----------------------------------------------------------+")
        for name in ("rhel-9-baseos", "rhel-9-appstream"):
            print("Repo ID:   %s\nRepo Name: %s\nRepo URL:  https://cdn/%s\nEnabled:   %d\n" % (name, name, name, name in state["repos"]))
elif command == "release":
    if "--set" in sys.argv:
        state["release"] = sys.argv[sys.argv.index("--set") + 1]
    print("Release: %s" % state["release"] if state.get("release") else "Release not set")
json.dump(state, open(STATE, "w"))
