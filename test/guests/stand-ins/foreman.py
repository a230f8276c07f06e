#!/usr/bin/python3
"""Plays Foreman's interface for registration: hosts with parameters, commands with a token, the script that registers, and installs what the guest has it install. Writes down what it was asked."""
import base64, http.server, itertools, json, os, re, sys, urllib.parse

CALLS, FAULT = "/var/log/foreman-calls.jsonl", "/var/lib/foreman-fault"
USER, PASSWORD, TOKEN = "virtbridge", "token-of-virtbridge", "eyJ.token-of-a-command.x"
PORT = int(sys.argv[1])
hosts, ids = {}, itertools.count(7)
SCRIPT = """#!/bin/sh
set -e
[ ! -e /srv/client ] || sh /srv/client
python3 - <<'END'
import json, subprocess, urllib.request
name = subprocess.run(["hostname", "--fqdn"], capture_output=True, text=True, check=True).stdout.strip()
request = urllib.request.Request("http://127.0.0.1:%d/register", json.dumps({"name": name}).encode(), {"Authorization": "Bearer %s"})
print(urllib.request.urlopen(request).read().decode())
END
"""


class Foreman(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=None):
        content = body if isinstance(body, str) else json.dumps(body or {})
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def found(self, name):
        return next((host for host in hosts.values() if name in (host["name"], str(host["id"]))), None)

    def act(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}") if size else {}
        url = urllib.parse.urlsplit(self.path)
        with open(CALLS, "a") as calls:
            calls.write(json.dumps({"ask": "%s %s" % (self.command, url.path), "body": body}) + "\n")
        word = self.headers.get("Authorization", "")
        if url.path == "/register":
            if word != "Bearer " + TOKEN:
                return self.answer(401)
            if self.command == "GET":
                return self.answer(200, SCRIPT % (PORT, TOKEN))
            name = body["name"]
            if not self.found(name):
                new = next(ids)
                hosts[new] = {"id": new, "name": name, "parameters": []}
            return self.answer(201, "registered " + name)
        if word != "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode():
            return self.answer(401, {"error": {"message": "Unable to authenticate user"}})
        if url.path == "/api/registration_commands":
            keys = body["registration_command"].get("activation_keys", [])
            if keys not in ([], ["rhel9"]):
                return self.answer(422, {"error": {"message": "Couldn't find activation key"}})
            where = "http://127.0.0.1:%d/register?activation_keys=%s" % (PORT, ",".join(keys))
            return self.answer(201, {"registration_command": "set -o pipefail && curl -sS '%s' -H 'Authorization: Bearer %s' | bash" % (where, TOKEN)})
        match = re.fullmatch(r"/api/hosts/([^/]+)(/.*)?", url.path)
        host = match and self.found(urllib.parse.unquote(match[1]))
        if not host:
            return self.answer(404, {"error": {"message": "Resource host not found by id"}})
        if match[2] and match[2].startswith("/parameters"):
            if os.path.exists(FAULT):
                return self.answer(500, {"error": {"message": "Internal Server Error"}})
            host["parameters"] = [body["parameter"]]
        elif match[2] == "/disassociate":
            host["disassociated"] = True
        elif self.command == "DELETE":
            if not host.get("disassociated"):
                return self.answer(500, {"error": {"message": "its VM would go with it"}})
            del hosts[host["id"]]
        return self.answer(200, host)

    do_GET = do_POST = do_PUT = do_DELETE = act

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Foreman).serve_forever()
