#!/usr/bin/python3 -I
"""Plays ipa-client-install: joins with the one-time password that its server has, once, and writes down how it was called."""
import json, os, sys

CONF, CALLS, SERVER = "/etc/ipa/default.conf", "/var/log/ipa-calls.jsonl", "/var/lib/ipa-server.json"
options = dict(each.lstrip("-").split("=", 1) for each in sys.argv[1:] if "=" in each)
flags = sorted(each for each in sys.argv[1:] if "=" not in each)
seen = open("/proc/self/cmdline").read().split("\0")
with open(CALLS, "a") as calls:
    hidden = {name: value for name, value in options.items() if name != "password"}
    calls.write(json.dumps({"flags": flags, "options": hidden, "seen": [each for each in seen if each]}) + "\n")
server = json.load(open(SERVER)) if os.path.exists(SERVER) else {"otp": ""}


def fail(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


if "--uninstall" in flags:
    if server.get("forgot") or not os.path.exists(CONF):
        fail(2, "IPA client is not configured on this system.")
    os.remove(CONF)
    sys.exit(0)
if "--unattended" not in flags:
    fail(1, "it would ask a person")
if os.path.exists(CONF):
    fail(3, "IPA client is already configured on this system.")
if server.get("fault"):
    fail(1, server["fault"])
if "principal" in options:
    if (options["principal"], options["password"]) != ("enroller", "pass-of-enroller"):
        fail(1, "Kerberos authentication failed: kinit: Password incorrect while getting initial credentials")
elif not server["otp"] or options["password"] != server["otp"]:
    fail(1, "Joining realm failed: Incorrect password: %s. Installation failed. Rolling back changes." % options["password"])
os.makedirs(os.path.dirname(CONF), exist_ok=True)
with open(CONF, "w") as conf:
    conf.write("[global]\nhost = %s\nrealm = %s\ndomain = %s\n" % (options["hostname"], options["realm"], options["domain"]))
# It is good for one join.
json.dump({**server, "otp": ""}, open(SERVER, "w"))
print("The ipa-client-install command was successful")
