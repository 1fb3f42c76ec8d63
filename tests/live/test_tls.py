# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encrypted moves, and everybody who is refused: what each side says, and that the guest stays where it was."""

import os
import unittest

from . import env, tls
from .guests import LinuxGuest, TickGuest
from .lab import FAILED, Lab
from .witness import Witness


class MoveTest(unittest.TestCase):

    def move(self, guest, qemu, machine=env.OLD_MACHINE, options=(), receiver=False):
        with Lab(self.id(), guest, qemu, machine=machine, tls=True) as lab:
            lab.start_source()
            if receiver:
                lab.start_receiver()
            else:
                lab.start_agent()
            with Witness(lab.source, lab.destination):
                report = lab.migrate(*options)
                lab.wait_runs_only_on(lab.destination)
            self.assertEqual(report["vm_runs_on"], "destination")
            if receiver:
                self.assertEqual(lab.agent.wait(10), 0)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def test_tick_old(self):
        self.move(TickGuest(), "7.2")

    def test_tick_new(self):
        self.move(TickGuest(), "10.0", env.NEW_MACHINE)

    def test_linux_old(self):
        self.move(LinuxGuest(), "7.2")

    def test_receive(self):
        self.move(TickGuest(), "7.2", receiver=True)

    def test_relay(self):
        self.move(TickGuest(), "7.2", options=("--transport", "relay"))

    def test_four_channels(self):
        self.move(TickGuest(), "7.2", options=("--channels", "4"))

    def test_four_channels_new(self):
        self.move(TickGuest(), "10.0", env.NEW_MACHINE, options=("--channels", "4"))


class RefusalTest(unittest.TestCase):
    """Exit code 1, clear words on both sides, and the guest has not noticed."""

    def refuse(self, source, agent, source_says, agent_says, code="tls", before=None):
        """SOURCE, AGENT: of the authority's folder and the lab, each side's options."""
        with Lab(self.id()) as lab:
            lab.start_source()
            authority = tls.Authority(lab.folder)
            lab.agent_tls = agent(authority, lab)
            lab.source_tls = source(authority, lab)
            lab.start_agent()
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), FAILED, migrate.err)
            self.assertRegex(migrate.err, source_says)
            self.assertRegex(lab.agent.err, agent_says)
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
                    "rejected.*refuses the handshake: our certificate is signed by an authority")

    def test_client_of_another_authority(self):
        def mixed(authority, lab):
            """Believes the agent's authority, and is of another one."""
            folder = tls.Authority(lab.folder, "other").host("a")
            os.replace(os.path.join(authority.host("c"), "ca-cert.pem"),
                       os.path.join(folder, "ca-cert.pem"))
            return ("--tls-dir", folder)
        self.refuse(mixed, self.good("b", "127.0.0.1"),
                    "agent refuses the handshake: our certificate is signed by an authority",
                    "rejected.*certificate 'CN=a' of the peer is signed by an authority")

    def test_wrong_name(self):
        self.refuse(self.good("a"), self.good("b", "192.0.2.7"),
                    "certificate 'CN=b' of the agent is for other names than '127.0.0.1'",
                    "rejected.*refuses the handshake")

    def test_subject_not_allowed(self):
        def agent(authority, lab):
            return ("--tls-dir", authority.host("b", "127.0.0.1"), "--tls-allow", "CN=c",
                    "--tls-allow", "CN=aa*")
        self.refuse(self.good("a"), agent, "agent refuses us: 'CN=a' is not among the subjects",
                    "rejected.*'CN=a' is not among the subjects")

    def test_plain_text_to_tls(self):
        self.refuse(self.plain(), self.good("b", "127.0.0.1"), "plain text is refused.*--tls-dir",
                    "rejected.*plain text is refused", code="insecure")

    def test_insecure_on_one_end_only(self):
        self.refuse(self.plain("--insecure"), self.good("b", "127.0.0.1"), "plain text is refused",
                    "rejected.*plain text is refused", code="insecure")

    def test_tls_to_plain_text(self):
        self.refuse(self.good("a"), self.plain(), "agent does not speak TLS: it has no --tls-dir",
                    "rejected.*speaks TLS, and this agent has no --tls-dir")

    def test_expired(self):
        """An agent does not start with one; a source does not either."""
        with Lab(self.id()) as lab:
            folder = tls.Authority(lab.folder).host("a")
            os.chmod(os.path.join(folder, "client-key.pem"), 0o644)
            lab.start_source()
            lab.start_agent()
            lab.source_tls = ("--tls-dir", folder)
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), FAILED)
            self.assertRegex(migrate.err, "client-key.pem' has mode 0644")
            lab.wait_runs_only_on(lab.source)


class NameTest(unittest.TestCase):

    def test_another_hostname(self):
        with Lab(self.id()) as lab:
            authority = tls.Authority(lab.folder)
            lab.agent_tls = ("--tls-dir", authority.host("b"), "--tls-allow", "CN=?")
            lab.source_tls = ("--tls-dir", authority.host("a"), "--tls-hostname", "b")
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)

    def test_insecure_takes_both(self):
        with Lab(self.id()) as lab:
            lab.agent_tls = ("--tls-dir", tls.Authority(lab.folder).host("b", "127.0.0.1"), "--insecure")
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
