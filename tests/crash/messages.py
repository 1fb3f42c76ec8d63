# SPDX-License-Identifier: LGPL-2.1-or-later
"""A man in the middle of a plain-text control connection sends messages twice, late, early or not at all."""

import json
import socket
import threading
import time

from tests.live.lab import Lab
from tests.live.witness import Witness

from .settle import check_one, settle

MIGRATE_S = 200.0


def kind_of(line):
    try:
        return json.loads(line).get("type")
    except ValueError:
        return None


def message(**members):
    return json.dumps(members).encode()


def same(line):
    return [line]


def twice(line):
    return [line, line]


def when(wanted, change):
    return lambda line: change(line) if kind_of(line) == wanted else [line]


# What goes to the agent, and what comes back. A number is a delay in seconds.
WAYS = {
    "requests-twice": (twice, same),
    "replies-twice": (same, twice),
    "commit-twice": (when("commit", twice), same),
    "commit-after-setup": (when("setup", lambda line: [line, message(type="commit", id=77, run=True)]), same),
    "commit-before-switchover": (when("switchover", lambda line: [message(type="commit", id=77, run=True), line]), same),
    "abort-after-commit": (when("commit", lambda line: [line, message(type="abort", id=78, reason="x")]), same),
    "commit-dropped": (when("commit", lambda line: []), same),
    "commit-late": (when("commit", lambda line: [45.0, line]), same),
    "answers-late": (same, lambda line: [0.05, line]),
    "switchover-dropped": (when("switchover", lambda line: []), same),
}


class Middle:
    """Forwards each connection to the agent; of those that begin as JSON it changes the lines."""

    def __init__(self, port, up, down):
        self._target, self._up, self._down = port, up, down
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near, far):
        is_control = near.recv(1, socket.MSG_PEEK) == b"{"
        threading.Thread(target=self._pump, args=(far, near, self._down if is_control else None), daemon=True).start()
        self._pump(near, far, self._up if is_control else None)

    @staticmethod
    def _pump(here, there, change):
        left = b""
        try:
            while data := here.recv(1 << 16):
                if change is None:
                    there.sendall(data)
                    continue
                *lines, left = (left + data).split(b"\n")
                for line in lines:
                    for part in change(line):
                        if isinstance(part, float):
                            time.sleep(part)
                        else:
                            there.sendall(part + b"\n")
        except OSError:
            pass
        for end in (here, there):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def with_messages(way, qemu):
    """One round."""
    with Lab("messages-" + way, kind="direct", qemu=qemu) as lab:
        lab.start_source()
        lab.start_agent()
        lab.proxy = Middle(lab.agent_port, *WAYS[way])
        with Witness(lab.source, lab.destination):
            code = lab.start_migrate().wait(MIGRATE_S)
            settle(lab)
            check_one(lab, code)
        lab.stop_agent()
