#!/usr/bin/python3
"""Plays bootc, and rpm-ostree when it is called so: one image is booted, a newer one may be staged for the next boot. Writes down how it was called."""
import json, os, sys

STATE, CALLS = "/var/lib/image.json", "/var/log/image-calls.jsonl"
tool, boot = os.path.basename(sys.argv[0]), open("/proc/sys/kernel/random/boot_id").read().strip()
state = json.load(open(STATE))
with open(CALLS, "a") as calls:
    calls.write(json.dumps([tool, *sys.argv[1:]]) + "\n")
# What was staged is what is booted next.
if state.get("boot") != boot:
    state.update(boot=boot, booted=state.pop("staged", None) or state["booted"])
staged, newer = state.get("staged"), state["registry"] != state["booted"]


def end(text, code=0):
    json.dump(state, open(STATE, "w"))
    print(text)
    sys.exit(code)


def image(digest):
    return {"image": {"image": {"image": state["name"], "transport": "registry"}, "imageDigest": digest}} if digest else None


if tool not in state["tools"]:
    print("System is not booted via it", file=sys.stderr)
    sys.exit(1)
fault = state.get("fault", {}).get(" ".join(sys.argv[1:]))
if fault:
    print(fault, file=sys.stderr)
    sys.exit(1)
if sys.argv[1:] == ["status", "--json"]:
    if tool == "bootc":
        end(json.dumps({"kind": "BootcHost", "status": {"staged": image(staged), "booted": image(state["booted"]), "rollback": None}}))
    trees = [{"booted": True, "staged": False, "checksum": state["booted"], "origin": state["name"]}]
    end(json.dumps({"deployments": ([{"booted": False, "staged": True, "checksum": staged}] if staged else []) + trees}))
if sys.argv[1:] == ["upgrade", "--check"]:
    if state["registry"] in (state["booted"], staged):
        end("No changes in: docker://%s" % state["name"] if tool == "bootc" else "No updates available.", 0 if tool == "bootc" else 77)
    end("Update available for: docker://%s" % state["name"] if tool == "bootc" else "AvailableUpdate:")
if sys.argv[1:] == ["upgrade"]:
    state["staged"] = state["registry"]
    end("Queued for next boot: %s" % state["name"])
end("nobody taught this stand-in: %s" % sys.argv, 2)
