#!/usr/bin/python3
"""Plays Puppet's own agent, where Puppet's own packages put it: it gets a certificate, and its server wants a word in one file. Writes down how it was called."""
import json, os, sys

CONFIG, CALLS, WANTED = "/etc/puppetlabs/puppet", "/var/log/puppet-calls.jsonl", "/etc/puppet-was-here"
SETTINGS = {"config": CONFIG + "/puppet.conf", "ssldir": CONFIG + "/ssl", "certdir": CONFIG + "/ssl/certs",
            "lastrunfile": "/opt/puppetlabs/puppet/public/last_run_summary.yaml"}
with open(CALLS, "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\n")
if sys.argv[1:5] == ["config", "print", "--section", "agent"]:
    for each in sys.argv[5:]:
        print("%s = %s" % (each, SETTINGS[each]))
    sys.exit(0)
assert sys.argv[1:3] == ["agent", "--test"], sys.argv
settings = dict(line.strip().split(" = ", 1) for line in open(SETTINGS["config"]) if " = " in line)
if "server" not in settings:
    sys.exit("Error: Failed to open TCP connection to puppet:8140")
drifted, noop = not os.path.exists(WANTED), "--noop" in sys.argv
if not noop:
    os.makedirs(SETTINGS["certdir"], exist_ok=True)
    open("%s/%s.pem" % (SETTINGS["certdir"], settings["certname"]), "w").write("a certificate\n")
    open(WANTED, "w").write(settings["server"] + "\n")
os.makedirs(os.path.dirname(SETTINGS["lastrunfile"]), exist_ok=True)
with open(SETTINGS["lastrunfile"], "w") as summary:
    summary.write("---\nresources:\n  total: 8\n  changed: %d\n  failed: 0\n  out_of_sync: %d\n" % (drifted and not noop, drifted))
sys.exit(2 if drifted and not noop else 0)
