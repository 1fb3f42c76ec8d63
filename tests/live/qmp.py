# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QMP client that shares nothing with the one under test: blocking, small, for a second look at QEMU."""

import json
import os
import socket
import threading
import time


class QmpError(Exception):
    """QEMU answered, and said no."""


class QmpGone(Exception):
    """There is no QEMU at the socket, or no more."""


class QmpTimeout(Exception):
    """QEMU did not answer in time; the connection is still good."""


class Qmp:
    """One connection. Threads may share it; a late reply to a command that timed out is dropped."""

    def __init__(self, path, timeout_s=5.0):
        self.events = []
        self._lock = threading.RLock()
        self._buffer = b""
        self._next_id = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect(path, timeout_s)
        except OSError as error:
            self.close()
            raise QmpGone("%s: %s" % (path, error)) from error
        except (QmpGone, QmpTimeout):
            self.close()
            raise

    def _connect(self, path, timeout_s):
        # A path of a test's folder may be longer than sun_path: go by the folder's descriptor.
        folder = os.open(os.path.dirname(path), os.O_PATH)
        try:
            self._socket.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(path)))
        finally:
            os.close(folder)
        self._read_message(time.monotonic() + timeout_s)
        self.command("qmp_capabilities", timeout_s=timeout_s)

    def close(self):
        self._socket.close()

    def _read_message(self, deadline):
        """The next message, whatever it is."""
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise QmpTimeout("no answer in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except socket.timeout as error:
                raise QmpTimeout("no answer in time") from error
            except OSError as error:
                raise QmpGone(str(error)) from error
            if not data:
                raise QmpGone("closed")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, /, timeout_s=5.0, **arguments):
        """Runs a command; arguments with '_' for '-'. Returns what is under 'return'."""
        with self._lock:
            self._next_id += 1
            text = {"execute": name, "id": self._next_id}
            if arguments:
                text["arguments"] = {key.replace("_", "-"): arguments[key] for key in arguments}
            deadline = time.monotonic() + timeout_s
            try:
                self._socket.settimeout(timeout_s)
                self._socket.sendall(json.dumps(text).encode() + b"\n")
            except socket.timeout as error:
                raise QmpTimeout("cannot send") from error
            except OSError as error:
                raise QmpGone(str(error)) from error
            return self._wait_reply(deadline)

    def _wait_reply(self, deadline):
        while True:
            message = self._read_message(deadline)
            if "event" in message:
                self.events.append(message)
            elif message.get("id") != self._next_id:
                continue
            elif "error" in message:
                raise QmpError(message["error"]["desc"])
            else:
                return message["return"]

    def wait_event(self, wanted, timeout_s=30.0):
        """The first event, old or new, for which WANTED(event) holds."""
        deadline = time.monotonic() + timeout_s
        seen = 0
        with self._lock:
            while True:
                while seen < len(self.events):
                    if wanted(self.events[seen]):
                        return self.events[seen]
                    seen += 1
                message = self._read_message(deadline)
                if "event" in message:
                    self.events.append(message)

    def status(self, timeout_s=5.0):
        """QEMU's run state: 'running', 'paused', 'postmigrate', ..."""
        return self.command("query-status", timeout_s=timeout_s)["status"]


def event_time_s(event):
    """When QEMU says that an event was, by its host's wall clock."""
    stamp = event["timestamp"]
    return stamp["seconds"] + stamp["microseconds"] / 1e6


def is_migration(event, status):
    """Is it the MIGRATION event of that status?"""
    return event["event"] == "MIGRATION" and event["data"]["status"] == status
