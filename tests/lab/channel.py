# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command in a lab VM over one of its virtio-serial ports. The other end is guest/agent.py."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import select
import sys
import termios
import time
import tty

from . import vm as lab_vm

READY_S = 30.0
TIMED_OUT = 124  # as timeout(1)


class Channel:
    """A port of a VM that is ours as long as this is open."""

    def __init__(self, vm, timeout_s=READY_S):
        self.lock = self._take(vm, timeout_s)
        self.buffer = b""
        try:
            self.socket = lab_vm.connect(vm.path("port%d" % self.number), 2.0)
        except OSError:
            os.close(self.lock)
            raise

    def _take(self, vm, timeout_s):
        deadline = time.monotonic() + timeout_s
        while True:
            for number in range(lab_vm.PORTS):
                lock = os.open(vm.path("lock%d" % number), os.O_RDWR | os.O_CREAT, 0o600)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.number = number
                    return lock
                os.close(lock)
            if time.monotonic() > deadline:
                raise lab_vm.LabError("all %d ports of the VM are in use" % lab_vm.PORTS)
            time.sleep(0.2)

    def close(self):
        self.socket.close()
        os.close(self.lock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, **message):
        self.socket.settimeout(10.0)
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def messages(self, timeout_s):
        """What has arrived within TIMEOUT_S, possibly nothing; EOFError when the VM is gone."""
        self.socket.settimeout(max(timeout_s, 0.001))
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return []
        if not data:
            raise EOFError("the VM has gone")
        *whole, self.buffer = (self.buffer + data).split(b"\n")
        # What a former user's command still said may precede; a torn line of it is no JSON.
        return [json.loads(line) for line in whole if line.startswith(b"{")]

    def begin(self, argv, timeout_s, **more):
        """Starts a command; False if the agent does not answer."""
        nonce = secrets.token_hex(8)
        self.send(begin=nonce, argv=argv, timeout_s=timeout_s, **more)
        deadline = time.monotonic() + (READY_S if timeout_s > 10 else 2.0)
        self.early = []
        while time.monotonic() < deadline:
            got = self.messages(deadline - time.monotonic())
            for at, message in enumerate(got):
                if message.get("ready") == nonce:
                    self.early = got[at + 1:]
                    return True
        return False


def pass_output(messages):
    """Writes what a command said; returns its exit code when that came."""
    for message in messages:
        for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
            if name in message:
                stream.buffer.write(base64.b64decode(message[name]))
                stream.flush()
        if "exit" in message:
            return message["exit"]
    return None


def run(vm, argv, timeout_s=600.0, **more):
    """Runs a command, its output ours; returns its exit code. TIMED_OUT when it took too long."""
    with Channel(vm) as channel:
        if not channel.begin(argv, timeout_s, **more):
            raise lab_vm.LabError("the VM's agent does not answer:\n" + vm.console())
        channel.send(eof=True)
        code = pass_output(channel.early)
        deadline = time.monotonic() + timeout_s + 30.0
        while code is None:
            if time.monotonic() > deadline:
                raise lab_vm.LabError("the VM's agent has stopped answering:\n" + vm.console())
            code = pass_output(channel.messages(5.0))
        return code


def ask(vm, argv):
    """Does a quick command succeed? False too when nobody answers."""
    try:
        with Channel(vm, 2.0) as channel:
            if not channel.begin(argv, 5.0):
                return False
            messages = channel.early
            deadline = time.monotonic() + 10.0
            while time.monotonic() < deadline:
                for message in messages:
                    if "exit" in message:
                        return message["exit"] == 0
                messages = channel.messages(1.0)
    except (OSError, EOFError, lab_vm.LabError):
        pass
    return False


def shell(vm, argv):
    """An interactive command on our terminal."""
    size = os.get_terminal_size() if sys.stdin.isatty() else os.terminal_size((80, 24))
    with Channel(vm) as channel:
        if not channel.begin(argv, 86400.0, tty=True, size=[size.lines, size.columns],
                             env={"TERM": os.environ.get("TERM", "dumb")}):
            raise lab_vm.LabError("the VM's agent does not answer")
        before = termios.tcgetattr(0) if sys.stdin.isatty() else None
        try:
            if before is not None:
                tty.setraw(0)
            return shell_loop(channel)
        finally:
            if before is not None:
                termios.tcsetattr(0, termios.TCSADRAIN, before)


def shell_loop(channel):
    code = pass_output(channel.early)
    inputs = [channel.socket, 0]
    while code is None:
        readable, _, _ = select.select(inputs, [], [])
        if 0 in readable:
            data = os.read(0, 4096)
            if data:
                channel.send(**{"in": base64.b64encode(data).decode()})
            else:
                inputs.remove(0)
                channel.send(**{"in": base64.b64encode(b"\x04").decode()})
        if channel.socket in readable:
            code = pass_output(channel.messages(1.0))
    return code
