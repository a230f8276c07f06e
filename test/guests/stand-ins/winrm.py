#!/usr/bin/env python3
"""Plays the WinRM service of a Windows over real HTTP or HTTPS, for one user with one password: shells that commands run in (winrm), and runspaces
of PowerShell (psrp), whose messages psrpcore reads and writes. What is to run goes to the program that plays PowerShell in the guest.

Wants the path of a JSON file: address, certificate, key, user, password, root. On the port of HTTP whatever is not encrypted is refused. It starts when there is
no file /var/lib/winrm-off in the root."""
import base64, http.server, json, os, ssl, subprocess, sys, threading, time, uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import psrpcore
import spnego
from psrpcore.types import HostMethodIdentifier

HOW = json.load(open(sys.argv[1]))
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "rsp": SHELL,
    "ps": "http://schemas.microsoft.com/powershell",
}
ENCRYPTED = b"application/HTTP-SPNEGO-session-encrypted"
LINE = b"\r\n"
shells = {}
lock = threading.Lock()


def note(**what):
    with open(HOW["root"] + "/var/log/winrm-calls.jsonl", "a") as calls:
        calls.write(json.dumps(what) + "\n")


def powershell(arguments, stdin):
    """What the PowerShell of the guest says, and its exit code."""
    ended = subprocess.run(["chroot", HOW["root"], "/usr/local/bin/PowerShell", *arguments], input=stdin, capture_output=True)
    return ended.returncode, ended.stdout, ended.stderr


class Commands:
    """A shell that commands run in: what one says is told when it has ended."""

    def __init__(self, _):
        self.commands = {}

    def command(self, body):
        line = [body.findtext(".//rsp:Command", "", NAMES), *(each.text or "" for each in body.findall(".//rsp:Arguments", NAMES))]
        name = str(uuid.uuid4()).upper()
        self.commands[name] = {"arguments": " ".join(line).split()[1:], "stdin": b""}
        return name

    def send(self, name, content):
        self.commands[name]["stdin"] += content

    def receive(self, name):
        command = self.commands[name]
        code, out, errors = powershell(command["arguments"], command["stdin"])
        return [("stdout", out), ("stderr", errors)], code


class Runspace:
    """A pool of runspaces, which runs scripts."""

    def __init__(self, body):
        self.pool = psrpcore.ServerRunspacePool()
        self.inputs = {}
        self.take(base64.b64decode(body.findtext(".//ps:creationXml", "", NAMES)))

    def take(self, content, pipeline=None):
        kind = psrpcore.StreamType.default
        self.pool.receive_data(psrpcore.PSRPPayload(content, kind, uuid.UUID(pipeline) if pipeline else None))
        while event := self.pool.next_event():
            if isinstance(event, psrpcore.PipelineInputEvent):
                self.inputs[str(event.pipeline_id).upper()].append(event.data)

    def told(self):
        parts = []
        while payload := self.pool.data_to_send(32_000):
            parts.append(("stdout", payload.data))
        return parts

    def command(self, body):
        name = body.find(".//rsp:CommandLine", NAMES).get("CommandId").upper()
        psrpcore.ServerPipeline(self.pool, uuid.UUID(name))
        self.inputs[name] = []
        self.take(base64.b64decode(body.findtext(".//rsp:Arguments", "", NAMES)), name)
        return name

    def send(self, name, content):
        self.take(content, name)

    def receive(self, name):
        if name is None:
            return self.told(), None
        pipeline = self.pool.pipeline_table[uuid.UUID(name)]
        script = pipeline.metadata.commands[0].command_text
        stdin = "\n".join(str(line) for line in self.inputs[name]).encode()
        code, out, errors = powershell(["-EncodedCommand", base64.b64encode(script.encode("utf-16-le")).decode()], stdin)
        pipeline.start()
        for line in out.decode().splitlines():
            pipeline.write_output(line)
        if code != 0:
            pipeline.host_call(HostMethodIdentifier.SetShouldExit, [code])
        pipeline.complete()
        return self.told(), 0


def streams(parts, name):
    of = f' CommandId="{name}"' if name else ""
    return "".join(f'<rsp:Stream Name="{kind}"{of}>{base64.b64encode(part).decode()}</rsp:Stream>' for kind, part in parts if part)


def answer(action, header, body):
    """The body of the answer to a request."""
    selected = header.findtext(".//w:Selector[@Name='ShellId']", "", NAMES).upper()
    if action == "Create":
        kind = Runspace if header.findtext("w:ResourceURI", "", NAMES).startswith(NAMES["ps"]) else Commands
        name = (body.find("rsp:Shell", NAMES).get("ShellId") or str(uuid.uuid4())).upper()
        shells[name] = kind(body)
        selector = f'<w:SelectorSet><w:Selector Name="ShellId">{name}</w:Selector></w:SelectorSet>'
        reference = f"<a:ReferenceParameters>{selector}</a:ReferenceParameters>"
        return f"<x:ResourceCreated>{reference}</x:ResourceCreated><rsp:Shell><rsp:ShellId>{name}</rsp:ShellId></rsp:Shell>"
    if action == "Delete":
        shells.pop(selected, None)
        return ""
    shell = shells[selected]
    if action == "Command":
        return f"<rsp:CommandResponse><rsp:CommandId>{shell.command(body)}</rsp:CommandId></rsp:CommandResponse>"
    if action == "Send":
        stream = body.find(".//rsp:Stream", NAMES)
        shell.send((stream.get("CommandId") or "").upper() or None, base64.b64decode(stream.text or ""))
        return "<rsp:SendResponse/>"
    if action == "Signal":
        return "<rsp:SignalResponse/>"
    if action == "Receive":
        name = (body.find(".//rsp:DesiredStream", NAMES).get("CommandId") or "").upper() or None
        parts, code = shell.receive(name)
        state = "" if code is None else f'<rsp:CommandState CommandId="{name}" State="{SHELL}/CommandState/Done"><rsp:ExitCode>{code}</rsp:ExitCode></rsp:CommandState>'
        return f"<rsp:ReceiveResponse>{streams(parts, name)}{state}</rsp:ReceiveResponse>"
    raise ValueError(f"an action that nobody taught this stand-in: {action}")


class Service(http.server.BaseHTTPRequestHandler):
    """One connection: who logged in by NTLM is known for as long as it lasts."""

    protocol_version = "HTTP/1.1"
    context, by = None, ""

    def log_message(self, *_):
        pass

    def reply(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, token=None):
        self.by = ""
        self.send_response(401)
        if token:
            self.send_header("WWW-Authenticate", "Negotiate " + base64.b64encode(token).decode())
        else:
            self.context = None
            note(refused=True)
            self.send_header("WWW-Authenticate", "Negotiate")
            if self.server.secure:
                self.send_header("WWW-Authenticate", 'Basic realm="WSMAN"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def login(self):
        """Whether who asks is known; if not, it was answered."""
        way, _, said = self.headers.get("Authorization", "").partition(" ")
        if way == "Basic" and self.server.secure:
            if base64.b64decode(said).decode() == f"{HOW['user']}:{HOW['password']}":
                self.by = "basic"
                return True
        elif way == "Negotiate":
            try:
                if self.context is None:
                    self.context = spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)
                token = self.context.step(base64.b64decode(said))
                if self.context.complete:
                    self.by = "ntlm"
                    return True
                self.refuse(token)
                return False
            except spnego.exceptions.SpnegoError:
                pass
        elif not said and self.by == "ntlm":
            return True
        self.refuse()
        return False

    def unsealed(self, content):
        """What was asked, out of its encryption; None when it should be in one and is not."""
        if b"encrypted" not in self.headers.get("Content-Type", "").encode():
            return content if self.server.secure else None
        sealed = content.split(b"application/octet-stream" + LINE, 1)[1].rsplit(b"--Encrypted Boundary--", 1)[0]
        size = int.from_bytes(sealed[:4], "little")
        return self.context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :])

    def sealed(self, content):
        sealed = self.context.wrap_winrm(content)
        length = str(len(content) + sealed.padding_length).encode()
        original = b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=" + length
        head = LINE.join([b"--Encrypted Boundary", b"\tContent-Type: " + ENCRYPTED, original, b"--Encrypted Boundary", b"\tContent-Type: application/octet-stream", b""])
        return head + len(sealed.header).to_bytes(4, "little") + sealed.header + sealed.data + b"--Encrypted Boundary--" + LINE

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.login():
            return
        if not content:
            return self.reply(200)
        asked = self.unsealed(content)
        if asked is None:
            return self.refuse()
        envelope = ET.fromstring(asked)
        header, body = envelope.find("s:Header", NAMES), envelope.find("s:Body", NAMES)
        action = header.findtext("a:Action", "", NAMES)
        with lock:
            told = answer(action.rsplit("/", 1)[1], header, body)
        if action.endswith("/Create"):
            kind = "psrp" if isinstance(list(shells.values())[-1], Runspace) else "winrm"
            note(shell=kind, by=self.by, encrypted=asked is not content, to=self.headers.get("Host", ""))
        names = " ".join(f'xmlns:{short}="{name}"' for short, name in NAMES.items())
        to = escape(header.findtext("a:MessageID", "", NAMES))
        text = f"<s:Envelope {names}><s:Header><a:Action>{action}Response</a:Action><a:RelatesTo>{to}</a:RelatesTo></s:Header><s:Body>{told}</s:Body></s:Envelope>".encode()
        if asked is content:
            return self.reply(200, text, Content_Type="application/soap+xml;charset=UTF-8")
        kind = f'multipart/encrypted;protocol="{ENCRYPTED.decode()}";boundary="Encrypted Boundary"'
        self.reply(200, self.sealed(text), Content_Type=kind)


class Port(http.server.ThreadingHTTPServer):
    """5986 for HTTPS, 5985 for HTTP."""

    daemon_threads = True

    def __init__(self, secure):
        super().__init__((HOW["address"], 5986 if secure else 5985), Service)
        self.secure = secure

    def finish_request(self, request, address):
        if self.secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(HOW["certificate"], HOW["key"])
            try:
                request = context.wrap_socket(request, server_side=True)
            except OSError:
                # Who does not like the certificate hangs up.
                return
        super().finish_request(request, address)


if __name__ == "__main__":
    while os.path.exists(HOW["root"] + "/var/lib/winrm-off"):
        time.sleep(0.2)
    users = sys.argv[1] + ".users"
    with open(users, "w") as known:
        known.write(f":{HOW['user']}:{HOW['password']}\n")
    os.environ["NTLM_USER_FILE"] = users
    threading.Thread(target=Port(secure=False).serve_forever, daemon=True).start()
    Port(secure=True).serve_forever()
