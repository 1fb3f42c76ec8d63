# SPDX-License-Identifier: LGPL-2.1-or-later
"""A man in the middle of a plain-text control connection sends messages twice, late, early or not at all."""

import json
import time

from tests.live.lab import Lab
from tests.live.proxy import Proxy
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


class Middle(Proxy):
    """Of connections that begin as JSON it changes the lines: by UP those to the agent, by DOWN what comes back."""

    def __init__(self, port, up, down):
        self._up, self._down = up, down
        self._lefts = {}  # for each end, the beginning of its next line; None where nothing is changed
        super().__init__(port)

    def _pass_on(self, pair, here, there, data):
        if self._lefts.setdefault(here, b"" if data.startswith(b"{") else None) is None:
            there.sendall(data)
            return
        *lines, self._lefts[here] = (self._lefts[here] + data).split(b"\n")
        for line in lines:
            for part in (self._up if here is pair.near else self._down)(line):
                if isinstance(part, float):
                    time.sleep(part)
                else:
                    there.sendall(part + b"\n")


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
