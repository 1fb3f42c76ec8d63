# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encrypted moves, and everybody who is refused: what each side says, and that the guest stays where it was."""

import os
import re
import socket
import ssl
import time
import unittest

from . import procs, tls
from .fakes import FakeServer
from .guests import TickGuest
from .lab import FAILED, Lab, SLOWLY
from .witness import Witness

PREAMBLE = b"gwdata\0\1" + bytes(range(16)) + bytes(4)
# What one address may have before it has said what it wants is 32, and what it may take for that 5 s.
MANY, PATIENCE_S = 40, 5


class ReceiverTest(unittest.TestCase):
    """The other kinds of agents and of moves are in test_channels.py."""

    def test_receive(self):
        with Lab(self.id(), kind="tls") as lab:
            lab.start_source()
            lab.start_receiver()
            with Witness(lab.source, lab.destination):
                lab.migrate()
                lab.wait_runs_only_on(lab.destination)
            self.assertEqual(lab.agent.wait(10), 0)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()


class RefusalTest(unittest.TestCase):
    """Exit code 1, a clear error on both sides, and the guest has not noticed anything."""

    def refuse(self, source, agent, source_says, agent_says, code="tls"):
        """SOURCE, AGENT: of the authority and the lab, each side's options."""
        with Lab(self.id(), kind="direct") as lab:
            lab.start_source()
            authority = tls.Authority(lab.folder)
            lab.agent_tls = agent(authority, lab)
            lab.source_tls = source(authority, lab)
            lab.start_agent()
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), FAILED, migrate.err)
            self.assertRegex(migrate.err, source_says)
            lab.wait_agent_says(agent_says)
            report = lab.report()
            self.assertEqual((report["error"]["code"], report["error"]["host"]), (code, "destination"))
            self.assertEqual(report["vm_runs_on"], "source")
            lab.wait_runs_only_on(lab.source)
            self.assertEqual(lab.journals(), [])
            self.assertIsNone(lab.destination.pid())
            lab.check_clock()

    @staticmethod
    def good(name, *addresses):
        return lambda authority, lab: ("--tls-dir", authority.host(name, *addresses))

    @staticmethod
    def stranger(name, *addresses):
        return lambda authority, lab: ("--tls-dir",
                                       tls.Authority(lab.folder, "other").host(name, *addresses))

    @staticmethod
    def plain(*options):
        return lambda authority, lab: options

    def test_unknown_authority(self):
        self.refuse(self.good("a"), self.stranger("b", "127.0.0.1"),
                    "certificate 'CN=b' of the agent is signed by an authority that our",
                    "rejected.*rejects the handshake: our certificate is signed by an authority")

    def test_client_of_another_authority(self):
        def mixed(authority, lab):
            """Believes the agent's authority, and is of another one."""
            folder = tls.Authority(lab.folder, "other").host("a")
            os.replace(os.path.join(authority.host("c"), "ca-cert.pem"),
                       os.path.join(folder, "ca-cert.pem"))
            return ("--tls-dir", folder)
        self.refuse(mixed, self.good("b", "127.0.0.1"),
                    "agent rejects the handshake: our certificate is signed by an authority",
                    "rejected.*certificate 'CN=a' of the peer is signed by an authority")

    def test_wrong_name(self):
        self.refuse(self.good("a"), self.good("b", "192.0.2.7"),
                    "certificate 'CN=b' of the agent is for other names than '127.0.0.1'",
                    "rejected.*rejects the handshake")

    def test_subject_not_allowed(self):
        def agent(authority, lab):
            return ("--tls-dir", authority.host("b", "127.0.0.1"), "--tls-allow", "CN=c",
                    "--tls-allow", "CN=aa*")
        self.refuse(self.good("a"), agent, "agent rejects us: 'CN=a' is not among the subjects",
                    "rejected.*'CN=a' is not among the accepted subjects")

    def test_plain_text_to_tls(self):
        self.refuse(self.plain(), self.good("b", "127.0.0.1"), "plain text is refused.*--tls-dir",
                    "rejected.*plain text is refused", code="insecure")

    def test_insecure_on_one_end_only(self):
        self.refuse(self.plain("--insecure"), self.good("b", "127.0.0.1"), "plain text is refused",
                    "rejected.*plain text is refused", code="insecure")

    def test_tls_to_plain_text(self):
        self.refuse(self.good("a"), self.plain(), "agent does not speak TLS: it has no --tls-dir",
                    "rejected.*speaks TLS, and this agent has no --tls-dir")

    def test_revoked(self):
        def agent(authority, lab):
            """The last who hears of it; the source's folder is there by then."""
            told = authority.host("b", "127.0.0.1")
            authority.revoke(authority.host("a"), "client", told)
            return ("--tls-dir", told)
        self.refuse(lambda authority, lab: ("--tls-dir", os.path.join(authority.folder, "a")), agent,
                    "agent rejects the handshake: our certificate has been revoked",
                    "rejected.*certificate 'CN=a' of the peer has been revoked")


class OwnFilesTest(unittest.TestCase):
    """A side whose own files no peer would accept does not begin."""

    def begin(self, spoil, says):
        """SPOIL: of the authority, a host's folder and a role, makes the files bad."""
        with Lab(self.id(), kind="direct") as lab:
            authority = tls.Authority(lab.folder)
            bad = authority.host("a", "127.0.0.1")
            spoil(authority, bad, "client")
            spoil(authority, bad, "server")
            lab.start_source()
            lab.start_agent()
            lab.source_tls = ("--tls-dir", bad)
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), FAILED)
            self.assertRegex(migrate.err, "client-" + says)
            lab.wait_runs_only_on(lab.source)
            daemon = lab.program("godwitd", "--listen", "127.0.0.1:0", "--vm-dir", lab.folder, "--tls-dir", bad)
            self.assertNotEqual(daemon.wait(10), 0)
            self.assertRegex(daemon.err, "server-" + says)

    def test_expired(self):
        self.begin(tls.Authority.expire, "cert.pem' has expired")

    def test_key_that_others_can_read(self):
        self.begin(lambda authority, folder, role: os.chmod(os.path.join(folder, role + "-key.pem"), 0o644),
                   "key.pem' has mode 0644")


class ExpiredTest(unittest.TestCase):
    """A peer's certificate that was good when its program began; Python stands in for that program."""

    def test_of_the_agent(self):
        with Lab(self.id(), kind="direct") as lab:
            authority = tls.Authority(lab.folder)
            bad = authority.host("b", "127.0.0.1")
            authority.expire(bad, "server")
            lab.source_tls = ("--tls-dir", authority.host("a"))
            told = []

            def answer(connection):
                try:
                    tls.context(bad, "server").wrap_socket(connection, server_side=True)
                except ssl.SSLError as error:
                    told.append(error.reason)

            with FakeServer(answer) as fake:
                lab.start_source()
                lab.agent_port = fake.port
                migrate = lab.start_migrate()
                self.assertEqual(migrate.wait(60), FAILED)
                self.assertRegex(migrate.err, "certificate 'CN=b' of the agent has expired")
                procs.wait_until(lambda: told, 5, "the alert")
            self.assertRegex(told[0], "CERTIFICATE_EXPIRED")
            lab.wait_runs_only_on(lab.source)

    def test_of_the_source(self):
        with Lab(self.id(), kind="tls") as lab:
            authority = tls.Authority(lab.folder)
            bad = authority.host("c")
            authority.expire(bad, "client")
            lab.start_agent()
            with self.assertRaisesRegex(ssl.SSLError, "certificate expired"):
                tls.show(lab.agent_port, bad, b"{")
            lab.wait_agent_says("rejected.*certificate 'CN=c' of the peer has expired")


class BesideTest(unittest.TestCase):
    """While a guest is on its way others are refused, each in its own words, and it does not notice."""

    def refuse_all(self, lab):
        """Returns what the first of too many was told."""
        stranger = tls.Authority(lab.folder, "other").host("s")
        slow = socket.create_connection(("127.0.0.1", lab.agent_port))
        slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        known = tls.Authority(lab.folder).host("c")
        self.assertIn(b"no session waits for this data channel", tls.show(lab.agent_port, known, PREAMBLE))
        self.assertIn(b"'dance'", tls.show(lab.agent_port, known, b'{"type": "dance", "id": 1}\n'))
        with self.assertRaises(ssl.SSLError):
            tls.show(lab.agent_port, stranger)
        time.sleep(PATIENCE_S)  # the slow one's
        slow.close()
        many = [socket.create_connection(("127.0.0.1", lab.agent_port)) for _ in range(MANY)]
        many[0].settimeout(20)
        told = many[0].recv(1000)
        for connection in many:
            connection.close()
        return told

    def test_everybody(self):
        with Lab(self.id(), TickGuest(dirty=1), kind="tls") as lab:
            lab.start_source()
            lab.start_agent()
            with Witness(lab.source, lab.destination):
                hook = lab.hook("source:switchover")
                migrate = lab.start_migrate(*SLOWLY, "--hook", hook.command)
                procs.wait_until(lambda: lab.source.migration_status() == "active", 20, "the stream to flow")
                self.assertIn(b"too many connections: try again", self.refuse_all(lab))
                hook.wait(migrate)
                hook.go()
                self.assertEqual(migrate.wait(60), 0, migrate.err)
                lab.wait_runs_only_on(lab.destination)
            for words in ("rejected.*no session waits", "rejected.*rejects the handshake: our certificate is signed by",
                          "rejected.*did not finish the handshake in time", "rejected.*too many connections"):
                self.assertTrue(re.search(words, lab.agent.err), "%s: %s" % (words, lab.agent.err))
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()


class NameTest(unittest.TestCase):

    def test_another_hostname(self):
        with Lab(self.id(), kind="direct") as lab:
            authority = tls.Authority(lab.folder)
            lab.agent_tls = ("--tls-dir", authority.host("b"), "--tls-allow", "CN=?")
            lab.source_tls = ("--tls-dir", authority.host("a"), "--tls-hostname", "b")
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)

    def test_insecure_takes_both(self):
        with Lab(self.id(), kind="direct") as lab:
            lab.agent_tls = ("--tls-dir", tls.Authority(lab.folder).host("b", "127.0.0.1"), "--insecure")
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
