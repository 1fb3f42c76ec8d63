# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab VM's hands: runs what the host asks for over virtio-serial ports, one command at a time a port.

Both directions carry JSON objects, one a line. The host sends {"begin": NONCE, "argv": [...], "tty": BOOL,
"timeout_s": N, "env": {...}, "cwd": FOLDER}, then {"in": BASE64}, {"eof": true}; we answer {"ready": NONCE},
{"out": BASE64} and {"err": BASE64}, at last {"exit": CODE}. When the host hangs up, the command is ended with
all of its process group. Nothing asked for in `idle_s`: the VM ends itself.
"""

import base64
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

USE = {"running": 0, "last": time.monotonic()}
USE_LOCK = threading.Lock()
GRACE_S = 5.0
DRAIN_S = 0.5


class Port:
    """One virtio-serial port: lines in, lines out."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR)
        self.buffer = b""

    def send(self, **message):
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data):]

    def lines(self):
        """What has arrived, whole lines only; None when the host has hung up. Call when readable."""
        data = os.read(self.fd, 65536)
        if not data:
            self.buffer = b""
            return None
        *whole, self.buffer = (self.buffer + data).split(b"\n")
        return [json.loads(line) for line in whole if line.startswith(b"{")]


def end_group(process):
    """Ends a command and what it started in its group."""
    for number, wait_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        try:
            os.killpg(process.pid, number)
            process.wait(wait_s)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            pass


def start(request):
    """Starts a command. Returns it, the descriptor of its stdin, and {descriptor: name} of its outputs."""
    more = {"cwd": request.get("cwd", "/"), "env": {**os.environ, **request.get("env", {})},
            "start_new_session": True}
    if not request.get("tty"):
        pipe = subprocess.PIPE
        process = subprocess.Popen(request["argv"], stdin=pipe, stdout=pipe, stderr=pipe, **more)
        return process, process.stdin.fileno(), {process.stdout.fileno(): "out",
                                                 process.stderr.fileno(): "err"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", *request.get("size", (24, 80)), 0, 0))
    process = subprocess.Popen(
        request["argv"], stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)
    os.close(theirs)
    return process, ours, {ours: "out"}


class Command:
    """One command that runs for a port."""

    def __init__(self, port, request):
        self.port = port
        self.process, self.stdin, self.outputs = start(request)
        self.deadline = time.monotonic() + request.get("timeout_s", 600)
        self.hung_up = False

    def take_input(self):
        messages = self.port.lines()
        if messages is None:
            self.hung_up = True
            return
        for message in messages:
            try:
                if "in" in message:
                    os.write(self.stdin, base64.b64decode(message["in"]))
                if "eof" in message and self.process.stdin is not None:
                    self.process.stdin.close()
            except OSError:
                pass

    def pass_output(self, fd):
        try:
            data = os.read(fd, 32768)
        except OSError:
            data = b""
        if data:
            self.port.send(**{self.outputs[fd]: base64.b64encode(data).decode()})
        else:
            del self.outputs[fd]

    def step(self):
        """Waits a little for something to pass on."""
        readable, _, _ = select.select([self.port.fd] + list(self.outputs), [], [], 0.2)
        for fd in readable:
            if fd == self.port.fd:
                self.take_input()
            else:
                self.pass_output(fd)
        return bool(readable)

    def run(self):
        """Returns the exit code, or None when the host has hung up."""
        while self.process.poll() is None:
            self.step()
            if self.hung_up or time.monotonic() > self.deadline:
                end_group(self.process)
                return None if self.hung_up else 124
        drained = time.monotonic() + DRAIN_S
        while self.outputs and not self.hung_up and time.monotonic() < drained:
            self.step()
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.process.stdin is None:
            os.close(self.stdin)


def note_use(change):
    with USE_LOCK:
        USE["running"] += change
        USE["last"] = time.monotonic()


def serve_one(port, request):
    port.send(ready=request["begin"])
    try:
        command = Command(port, request)
    except OSError as error:
        text = "%s: %s\n" % (request["argv"][0], error.strerror)
        port.send(err=base64.b64encode(text.encode()).decode())
        port.send(exit=127)
        return
    code = command.run()
    command.close()
    if code is not None:
        port.send(exit=code)


def serve(port):
    while True:
        messages = port.lines()
        if messages is None:
            time.sleep(0.1)
            continue
        for message in messages:
            if "begin" in message:
                note_use(1)
                serve_one(port, message)
                note_use(-1)


def main(idle_s):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = "/sys/class/virtio-ports"
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name, "name"), encoding="ascii") as file:
            if file.read().startswith("godwit."):
                threading.Thread(target=serve, args=(Port("/dev/" + name),), daemon=True).start()
    while USE["running"] or time.monotonic() - USE["last"] < idle_s:
        time.sleep(1)
    print("lab: nothing asked for in %d s" % idle_s)


if __name__ == "__main__":
    main(float(sys.argv[1]))
