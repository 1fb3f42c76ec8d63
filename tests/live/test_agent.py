# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hostile or broken source: the agent reports the error, stays small, and serves the next source."""

import os
import re
import socket
import unittest

from . import procs
from .fakes import hear_reply, line, talk
from .lab import Lab

MIB = 1 << 20
HELLO = line(type="hello", id=1, versions=[2, 2])
SESSION = "01234567-89ab-cdef-0123-456789abcdef"
PREAMBLE_MAGIC = b"gwdata\0\1"
TOKEN = bytes(range(16))


def survey(vm):
    return line(type="survey", id=2, vm=vm, session=SESSION, check=False, vgpus=[])


STRANGER = "neither a control connection nor a data channel of ours"

# What is sent, the last part after the answer to those before, and what must be heard before the agent hangs
# up, or be in its log when it cannot be said to a stranger.
CASES = {
    "garbage": ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",), STRANGER),
    "binary": ((bytes(range(256)) * 16,), STRANGER),
    "nothing": ((b"",), "sent neither a hello nor"),
    "half_a_line": ((b'{"type": "hel',), ""),
    "not_json": ((b"{type}\n",), "not JSON"),
    "not_an_object": ((b"[1, 2]\n",), STRANGER),
    "then_not_an_object": ((HELLO, b"[1, 2]\n"), "not a JSON object"),
    "no_type": ((b"{}\n",), "without a type"),
    "unknown_type": ((line(type="dance", id=1),), "'dance'"),
    "no_id": ((line(type="hello", versions=[2, 2]),), "without a positive id"),
    "old_version": ((line(type="hello", id=1, versions=[1, 1]),), "no common version"),
    "new_version": ((line(type="hello", id=1, versions=[7, 9]),), "no common version"),
    "version_of_a_wrong_type": ((line(type="hello", id=1, versions="new"),), "'versions'"),
    "versions_too_few": ((line(type="hello", id=1, versions=[]),), "'versions'"),
    "survey_before_hello": ((survey("vm"),), "'survey'"),
    "commit_before_all": ((HELLO, line(type="commit", id=2)), "'commit'"),
    "setup_before_prepare": ((HELLO, line(type="setup", id=2)), "'setup'"),
    "oversize_line": ((b'{"type": "' + b"x" * (2 * MIB) + b'"}\n',), "too many bytes"),
    "deep_nesting": ((b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}\n",), "deep"),
    "unknown_vm": ((HELLO, survey("other")), "'other'"),
    "vm_name_is_a_path": ( (HELLO, survey("../../etc/passwd")), "passwd'"),
    "wrong_magic": ((b"gwdatX\0\1" + TOKEN + bytes(4),), STRANGER),
    "wrong_preamble_version": ((b"gwdata\0\7" + TOKEN + bytes(4),), STRANGER),
    "unknown_token": ((PREAMBLE_MAGIC + TOKEN + bytes(4),), "no session waits for this data channel"),
    "short_preamble": ((PREAMBLE_MAGIC + TOKEN[:3],), "sent neither a hello nor"),
}


def resident_bytes(pid):
    """How much memory a process has ever held."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024


class HostileSourceTest(unittest.TestCase):

    def still_serves(self, lab):
        """The agent has freed everything, and the next migration succeeds."""
        self.assertTrue(lab.agent.is_alive(), lab.agent.err)
        procs.wait_until(lambda: lab.destination.pid() is None, 10, "the agent's QEMU to end")
        lab.start_source()
        lab.migrate()
        lab.wait_runs_only_on(lab.destination)
        lab.check_nothing_left(living=lab.destination)
        lab.check_clock()

    def send(self, name):
        parts, wanted = CASES[name]
        with Lab(self.id(), kind="direct") as lab:
            lab.start_agent()
            heard = talk(lab.agent_port, parts).decode("utf-8", "replace")
            if wanted not in heard:
                lab.wait_agent_says(re.escape(wanted))
            self.assertLess(resident_bytes(lab.agent.pid), 48 * MIB)
            self.still_serves(lab)

    def test_a_hundred_connections(self):
        with Lab(self.id(), kind="direct") as lab:
            lab.start_agent()
            held = [socket.create_connection(("127.0.0.1", lab.agent_port)) for _ in range(100)]
            for connection in held[::2]:
                connection.sendall(HELLO)
            self.still_serves_beside(lab, held)

    def still_serves_beside(self, lab, held):
        lab.start_source()
        lab.migrate()
        lab.wait_runs_only_on(lab.destination)
        for connection in held:
            connection.close()
        self.assertLess(resident_bytes(lab.agent.pid), 64 * MIB)
        lab.check_nothing_left(living=lab.destination)

    def test_source_leaves_after_survey(self):
        """A QEMU was started for it: it is ended again."""
        with Lab(self.id(), kind="direct") as lab:
            lab.start_agent()
            with socket.create_connection(("127.0.0.1", lab.agent_port)) as connection:
                connection.sendall(HELLO)
                hear_reply(connection)
                connection.sendall(survey("vm"))
                procs.wait_until(lab.destination.pid, 10, "the agent's QEMU")
            procs.wait_until(lambda: lab.destination.pid() is None, 20, "it to be ended")
            procs.wait_until(lambda: not os.path.exists(lab.destination.qmp_path), 5, "its socket")
            self.still_serves(lab)


def make_test(name):
    return lambda self: self.send(name)


for _name in CASES:
    setattr(HostileSourceTest, "test_" + _name, make_test(_name))
