#!/usr/bin/python3
"""Plays PowerShell of a Windows that is reached by SSH: takes Ansible's encoded command and its manifest, sees which module is meant with which
arguments, writes that down, and answers with what Windows would. Runs no PowerShell: scripts are known by what is in them."""
import base64, json, os, re, signal, subprocess, sys, time

STATE, CALLS = "/var/lib/windows.json", "/var/log/windows-calls.jsonl"
WINDOWS = {"uuid": "", "free_mb": 20000, "updates": [], "installed": [], "pending": False, "services": {"WinRM": "started"}, "name": "WIN", "ports": [5986], "guest": ""}


def boot():
    return open("/proc/sys/kernel/random/boot_id").read().strip()


state = {**WINDOWS, **(json.load(open(STATE)) if os.path.exists(STATE) else {})}
# What waits for a boot is done by it.
if state.get("boot") != boot():
    state.update(boot=boot(), pending=False)


def note(**call):
    with open(CALLS, "a") as calls:
        calls.write(json.dumps(call) + "\n")


def end(text="", code=0):
    json.dump(state, open(STATE, "w"))
    print(text)
    sys.exit(code)


def known(update):
    """What Windows tells of an update only when those that it needs are there, and booted."""
    return set(update.get("after", [])) <= set(state["installed"]) and not (update.get("after") and state["pending"])


def found(arguments):
    """The updates that Windows offers: those that are meant, and why others are not."""
    reasons = {}
    offered = [update for update in state["updates"] if update["id"] not in state["installed"] and known(update)]
    categories = {re.sub(r"\s", "", name) for name in arguments.get("category_names") or ["CriticalUpdates", "SecurityUpdates", "UpdateRollups"]}
    for update in offered:
        names = [update["title"], *update["kb"], *(kb[2:] for kb in update["kb"])]
        meant = lambda patterns: any(re.search(pattern, name) for pattern in patterns or [] for name in names)
        why = []
        if categories.isdisjoint(re.sub(r"\s", "", name) for name in update["categories"]):
            why.append("category_names")
        if arguments.get("accept_list") and not meant(arguments["accept_list"]):
            why.append("accept_list")
        if meant(arguments.get("reject_list")):
            why.append("reject_list")
        if why:
            reasons[update["id"]] = why
    return offered, reasons


def updates(arguments, check):
    """The module starts a task, is asked for what it did, and ends it; the controller's part of it reads the progress."""
    if arguments["_operation"] == "start":
        state["asked"] = {**arguments, "check": check}
        return {"changed": False, "cancel_options": {"task": 1}, "poll_options": {"task": 1}}
    if arguments["_operation"] == "cancel":
        return {"changed": False}
    asked = state["asked"]
    if state.get("unknown"):
        why = {"message": "Exception from HRESULT: 0x8024402C", "hresult": -2145107924}
        return {"changed": False, "output": [{"task": "exit", "result": {"changed": False, "reboot_required": state["pending"], "failed": True, "exception": why}}]}
    offered, reasons = found(asked)
    if state.get("dies") and asked.get("state", "installed") == "installed":
        os.kill(1, signal.SIGTERM)
        time.sleep(60)
    chosen = [update for update in offered if update["id"] not in reasons]
    told = [{"task": "search_result", "result": {"updates": offered, "filtered": [{"id": each, "reasons": why} for each, why in reasons.items()]}}]
    install = asked.get("state", "installed") == "installed" and chosen and not asked["check"]
    waiting, broken = state["pending"], []
    if install and not waiting:
        broken = [update for update in chosen if update.get("broken")]
        info = [{"id": update["id"], "result_code": 4 if update in broken else 2, "hresult": -2145124318 if update in broken else 0} for update in chosen]
        told += [{"task": task, "result": {"info": [dict(each) for each in info]}} for task in ("download_result", "install_result")]
        state["installed"] += [update["id"] for update in chosen if update not in broken]
        state["pending"] = state["pending"] or any(update.get("reboot") for update in chosen)
    changed = bool(chosen) and asked.get("state", "installed") == "installed"
    exit_result = {"changed": changed, "reboot_required": state["pending"], "failed": False}
    if install and (waiting or broken):
        why = "A reboot is required before more updates can be installed" if waiting else "Failed to install all updates - see updates for more information"
        exit_result.update(failed=True, changed=not waiting, exception={"message": why})
    told.append({"task": "exit", "result": exit_result})
    return {"changed": False, "output": told}


def script(arguments, check):
    text = arguments["script"]
    if "Win32_ComputerSystemProduct" in text:
        return {"changed": True, "output": [state["uuid"]], "result": {}}
    if "Get-PSDrive" in text:
        return {"changed": False, "output": [], "result": state["free_mb"]}
    if "RebootPending" in text:
        return {"changed": False, "output": [], "result": state["pending"]}
    if "guest.json" in text:
        wanted = base64.b64decode(arguments["parameters"]["Content"]).decode()
        changed = state["guest"] != wanted
        if changed and not check:
            state["guest"] = wanted
        return {"changed": changed, "output": [], "result": {}}
    return {"failed": True, "msg": "a script that nobody taught this stand-in"}


def answer(module, arguments, check):
    if module == "setup":
        return {"ansible_facts": {"ansible_os_family": "Windows", "ansible_system": "Win32NT", "ansible_hostname": state["name"]}}
    if module == "win_powershell":
        skipped = check and "SupportsShouldProcess" not in arguments["script"]
        return {"skipped": True, "changed": False} if skipped else script(arguments, check)
    if module == "win_updates":
        return updates(arguments, check)
    if module == "win_service_info":
        mode = state["services"].get(arguments["name"])
        return {"exists": mode is not None, "services": [{"name": arguments["name"], "state": mode}] if mode else []}
    if module == "win_wait_for":
        if arguments["port"] in state["ports"]:
            return {"changed": False, "elapsed": 0}
        return {"failed": True, "msg": "Timed out while waiting for %s:%s" % (arguments.get("host"), arguments["port"])}
    if module == "win_uri":
        return {"changed": False, "status_code": 200} if "//well" in arguments["url"] else {"failed": True, "msg": "unable to connect"}
    if module == "win_service":
        name = arguments["name"]
        if name not in state["services"]:
            return {"failed": True, "msg": "Service '%s' was not found" % name}
        changed = state["services"][name] != arguments.get("state", state["services"][name])
        if not check:
            state["services"][name] = arguments.get("state", state["services"][name])
        return {"changed": changed, "state": state["services"][name]}
    if module == "win_hostname":
        changed = state["name"] != arguments["name"]
        if changed and not check:
            state.update(name=arguments["name"], pending=True)
        return {"changed": changed, "old_name": state["name"], "reboot_required": changed}
    return {"failed": True, "msg": "the module %s, which nobody taught this stand-in" % module}


if "-EncodedCommand" not in sys.argv:
    note(unknown=sys.argv)
    end("no encoded command", 1)
command = base64.b64decode(sys.argv[sys.argv.index("-EncodedCommand") + 1]).decode("utf-16-le")
if "$codeJson" in command:
    manifest = json.loads(sys.stdin.buffer.read().decode().split("\0\0\0\0")[1])
    action = next(each for each in manifest["actions"] if each["name"] == "module_wrapper.ps1")
    arguments = action["params"]["Variables"][0]["Value"]
    module = re.sub(r"[.]ps1$", "", action["params"]["Script"]).split(".")[-1]
    check = bool(arguments.get("_ansible_check_mode"))
    note(module=module, check=check, arguments={name: value for name, value in arguments.items() if not name.startswith("_ansible")})
    end(json.dumps(answer(module, arguments, check)))
if "LastBootUpTime" in command:
    end(state["boot"])
if "shutdown.exe" in command and "/r" in command:
    note(reboot=True)
    json.dump(state, open(STATE, "w"))
    if state.get("lost"):
        open("/var/lib/winrm-off", "w").close()
    if not state.get("stuck"):
        subprocess.Popen(["sh", "-c", "sleep 0.5; kill -TERM 1"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end(json.dumps({"stdout": "", "stderr": "", "rc": 0}))
match = re.search(r"'(success-[0-9a-f-]+)'", command)
if match:
    end(match[1])
note(unknown=command[:500])
end("a command that nobody taught this stand-in", 1)
