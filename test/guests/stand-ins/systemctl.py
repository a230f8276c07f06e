#!/usr/bin/python3
"""Plays systemctl, and hostnamectl when it is called so: there are the units that packages brought, some run, some start at boot. Writes down what changed them."""
import glob, json, os, subprocess, sys

STATE, CALLS = "/var/lib/units.json", "/var/log/systemctl-calls.jsonl"
state = json.load(open(STATE)) if os.path.exists(STATE) else {"active": ["sshd"], "enabled": ["sshd"]}
tool, words = os.path.basename(sys.argv[0]), [each for each in sys.argv[1:] if not each.startswith("-")]
units = {os.path.basename(each)[: -len(".service")] for each in glob.glob("/usr/lib/systemd/system/*.service")}


def end(text="", code=0):
    json.dump(state, open(STATE, "w"))
    print(text, file=sys.stderr if code else sys.stdout)
    sys.exit(code)


def called():
    with open(CALLS, "a") as calls:
        calls.write(json.dumps([tool, *sys.argv[1:]]) + "\n")


if tool == "hostnamectl":
    static = "--static" in sys.argv
    if words == ["status"]:
        end(open("/etc/hostname").read().strip() if static else os.uname().nodename)
    called()
    if static:
        open("/etc/hostname", "w").write(words[1] + "\n")
    else:
        subprocess.run(["hostname", words[1]], check=True)
    end()

if "--failed" in sys.argv:
    end("\n".join("%s.service loaded failed failed %s" % (each, each) for each in state.get("failed", [])))
verb, unit = words[0], (words[1] if len(words) > 1 else "").removesuffix(".service")
if verb in ("list-units", "list-unit-files"):
    rows = ["%s.service loaded active running %s" % (each, each) for each in state["active"]] if verb == "list-units" else [
        "%s.service %s disabled" % (each, "enabled" if each in state["enabled"] else "disabled") for each in sorted(units)]
    end("\n".join(rows))
if verb == "show":
    end("LoadState=%s\nActiveState=%s" % ("loaded" if unit in units else "not-found", "active" if unit in state["active"] else "inactive"))
if verb == "is-enabled":
    end("enabled") if unit in state["enabled"] else (print("disabled"), end("", 1))
called()
if unit not in units:
    end("Failed to %s %s.service: Unit %s.service not found." % (verb, unit, unit), 5)
if verb == "reload" and unit not in state["active"]:
    end("%s.service is not active, cannot reload." % unit, 1)
if verb not in ("enable", "disable", "start", "stop", "restart", "reload"):
    end("nobody taught this stand-in: %s" % sys.argv, 2)
key = "enabled" if verb.endswith("able") else "active"
state[key] = sorted(set(state[key]) - {unit} | (set() if verb in ("disable", "stop") else {unit}))
end()
