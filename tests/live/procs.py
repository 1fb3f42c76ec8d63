# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes, found by their command line and ended only by their pid."""

import os
import signal
import subprocess
import time


def command_line(pid):
    """The arguments of a process; empty for one that has gone, a zombie or a kernel thread."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            text = file.read()
    except OSError:
        return []
    return text.decode("utf-8", "replace").rstrip("\0").split("\0") if text else []


def find(wanted):
    """The pids for whose arguments WANTED(list) holds, without our own."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and wanted(command_line(pid))]


def mentioning(text):
    """The pids that have TEXT somewhere in their arguments."""
    return find(lambda arguments: any(text in argument for argument in arguments))


def send(pid, number):
    """Sends a signal; a process that has ended is ignored."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_and_wait(pid, timeout_s=10.0):
    """SIGKILL, then waits until it can do nothing any more; the kernel may still be freeing its memory."""
    send(pid, signal.SIGKILL)
    wait_until(lambda: not command_line(pid), timeout_s, "process %d to die" % pid)


def wait_until(condition, timeout_s, what, step_s=0.01):
    """Polls until CONDITION() is true and returns its value; AssertionError after TIMEOUT_S."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %.0f s in vain for %s" % (timeout_s, what))
        time.sleep(step_s)


def hear_hang_ups():
    """A program that is started by one under nohup ignores SIGHUP; the tests send it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Process:
    """A program of ours under test, its output in files. ENVIRONMENT: what it has beside ours."""

    def __init__(self, argv, log, environment=None):
        self.argv = argv
        self.out_path, self.err_path = log + ".out", log + ".err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                             start_new_session=True, preexec_fn=hear_hang_ups,
                                             env={**os.environ, **(environment or {})})
        self.pid = self._process.pid

    @property
    def out(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_alive(self):
        return self._process.poll() is None

    def wait(self, timeout_s=60.0):
        """Its exit code; negative for a signal. One that does not end is killed and told of."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("still running after %.0f s: %s\n%s%s" % (
                timeout_s, " ".join(self.argv), self.out, self.err)) from None

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def wait_line(self, start, timeout_s=10.0):
        """The rest of the first line of its output that begins with START."""
        def found():
            for line in self.out.split("\n")[:-1]:
                if line.startswith(start):
                    return line[len(start):].strip() or " "
            if not self.is_alive():
                raise AssertionError("'%s' ended without '%s': %s%s" % (
                    " ".join(self.argv), start, self.out, self.err))
            return None
        return wait_until(found, timeout_s, "'%s' from %s" % (start, self.argv[0]))
