# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real networks: a slow link, a link that begins to lose everything, two links at once, IPv6.

The two hosts are namespaces joined by cables; nothing here measures speed, scripts/bench does.
"""

import time
import unittest

from . import env
from .guests import TickGuest
from .lab import FAILED, Lab, SLOWLY
from .network import Ends
from .witness import Witness

RATE = "200mbit"
# What is stated, and what a busy machine may add to it.
STATED_S = 5.0
SLACK_S = 3.0


class NetworkCase(unittest.TestCase):
    """Two hosts and the cables between them."""

    n_cables = 1
    rate = RATE

    def setUp(self):
        self.ends = self.enterContext(Ends())
        self.cables = [self.ends.lay_cable(number, self.rate) for number in range(self.n_cables)]

    def lab(self, qemu="7.2", kind=None):
        machine = env.OLD_MACHINE if qemu == "7.2" else env.NEW_MACHINE
        lab = Lab(self.id(), TickGuest(dirty=4), qemu, machine=machine, ends=self.ends, kind=kind)
        lab.agent_host = self.cables[0].destination
        return lab

    def move(self, lab, *options):
        """A move that succeeds; returns the report."""
        lab.start_source()
        lab.start_agent("--insecure")
        with Witness(lab.source, lab.destination):
            report = lab.migrate("--insecure", *options)
            lab.wait_runs_only_on(lab.destination)
        lab.check_nothing_left(living=lab.destination)
        lab.check_clock()
        return report


def channels_of(report):
    """{index: the last that was told of each channel}."""
    return {channel["index"]: channel for sample in report["samples"]
            for channel in sample.get("channels", [])}


class NarrowPath(NetworkCase):
    """A path that drops large frames: the greeting passes. The run says so, in time."""

    rate = None

    def found(self, qemu):
        with self.lab(qemu, "direct") as lab:
            lab.start_source()
            lab.start_agent("--insecure")
            self.cables[0].narrow()
            begun = time.monotonic()
            migrate = lab.start_migrate("--insecure")
            self.assertEqual(migrate.wait(60), FAILED, migrate.err)
            self.assertRegex(migrate.err, "MTU")
            self.assertLess(time.monotonic() - begun, STATED_S + SLACK_S)
            lab.wait_runs_only_on(lab.source)

    def test_old(self):
        self.found("7.2")

    def test_new(self):
        self.found("10.0")


class SlowLink(NetworkCase):
    """Over 200 Mbit/s; what the kernel says of each connection is in the report."""

    def over(self, kind, qemu):
        with self.lab(qemu, kind) as lab:
            report = self.move(lab)
            channels = channels_of(report)
            self.assertEqual(sorted(channels), list(range(3 if kind == "multifd2" else 1)))
            for channel in channels.values():
                self.assertGreater(channel["rtt_us"], 0)
                self.assertGreater(channel["cwnd_bytes"], 0)
            sent = sum(channel["acked_bytes"] for channel in channels.values())
            self.assertGreater(sent, 1 << 20)
            self.assertLess(max(c["unsent_bytes"] for c in channels.values()), 1 << 20)

    def test_direct(self):
        self.over("direct", "7.2")

    def test_relay(self):
        self.over("relay", "10.0")

    def test_multifd2(self):
        self.over("multifd2", "10.0")


class HoleCase(NetworkCase):
    """A cable that begins to swallow everything in the middle of a migration."""

    def swallow(self, kind, *options, stated_s=STATED_S, qemu="7.2", cable=0):
        with self.lab(qemu, kind) as lab:
            lab.start_source()
            lab.start_agent("--insecure")
            with Witness(lab.source, lab.destination):
                migrate = lab.start_migrate("--insecure", *SLOWLY, *options)
                lab.wait_flow(migrate)
                self.cables[cable].open_hole()
                begun_s = time.monotonic()
                migrate.wait_line("rollback", stated_s + SLACK_S)
                noticed_s = time.monotonic() - begun_s
                self.assertEqual(migrate.wait(30), FAILED, migrate.err)
                self.assertLess(noticed_s, stated_s + SLACK_S)
                lab.wait_runs_only_on(lab.source)
            # The agent has noticed it too, and undone its part by itself.
            lab.check_stayed(stated_s + 15)
            return lab.report()["error"], noticed_s


class BlackHole(HoleCase):
    """In the middle of pre-copy the network begins to lose everything, without an error."""

    def test_direct(self):
        error, _ = self.swallow("direct")
        self.assertEqual(error["code"], "peer-lost")

    def test_direct_new(self):
        self.swallow("direct", qemu="10.0")

    def test_relay(self):
        self.swallow("relay")

    def test_multifd2(self):
        self.swallow("multifd2", qemu="10.0")

    def test_sooner(self):
        _, noticed_s = self.swallow("direct", "--peer-timeout", "2s", stated_s=2.0)
        self.assertLess(noticed_s, STATED_S)


class FastBlackHole(HoleCase):
    """The same on a link of 1 Gbit/s."""

    rate = "1gbit"

    def test_direct(self):
        error, _ = self.swallow("direct")
        self.assertEqual(error["code"], "peer-lost")

    def test_relay(self):
        self.swallow("relay")


class TwoCables(HoleCase):
    """Two links between the hosts, and channels on both."""

    n_cables = 2

    def lab(self, qemu="7.2", kind=None):
        lab = super().lab(qemu, kind)
        lab.listen_host = "0.0.0.0"
        return lab

    def binds(self):
        return ["--bind=%s=%s" % (cable.source, cable.destination) for cable in self.cables]

    def test_both_are_used(self):
        with self.lab("10.0") as lab:
            report = self.move(lab, "--channels", "2", *self.binds())
            channels = channels_of(report)
            # 0 and 2 go the first way, 1 the second.
            self.assertGreater(channels[1]["acked_bytes"], 1 << 20)
            self.assertGreater(channels[2]["acked_bytes"], 1 << 20)

    def test_one_is_swallowed(self):
        """The control connection takes the other one, and knows of nothing."""
        error, _ = self.swallow("multifd2", *self.binds(), cable=1)
        self.assertRegex(error["message"], "destination: data channel 1: .* acknowledges nothing")


class Ipv6(NetworkCase):
    """The same by the other kind of address."""

    def test_direct(self):
        with self.lab("10.0") as lab:
            lab.agent_host = "[%s]" % self.cables[0].destination6
            self.move(lab)

    def test_multifd2_bound(self):
        with self.lab() as lab:
            lab.agent_host = "[%s]" % self.cables[0].destination6
            self.move(lab, "--channels", "2", "--bind", self.cables[0].source6)

    def test_loopback(self):
        with Lab(self.id(), TickGuest(), ends=None) as lab:
            lab.agent_host = "[::1]"
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()


class WrongWay(NetworkCase):
    """An address that is not this host's: told before the guest is touched, and nothing is left."""

    def test_bind(self):
        with self.lab() as lab:
            lab.start_source()
            lab.start_agent("--insecure")
            migrate = lab.start_migrate("--insecure", "--bind", "192.0.2.9")
            self.assertEqual(migrate.wait(30), FAILED)
            self.assertRegex(migrate.err, "from 192.0.2.9: .*assign requested address")
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)


class PlainText(NetworkCase):
    """Off loopback it takes --insecure on both ends; each says which one lacks it."""

    def refuse(self, source, agent, source_says, agent_says):
        with self.lab(kind="direct") as lab:
            lab.start_source()
            lab.start_agent(*agent)
            migrate = lab.start_migrate(*source)
            self.assertEqual(migrate.wait(30), FAILED)
            self.assertRegex(migrate.err, source_says)
            lab.wait_agent_says(agent_says)
            self.assertEqual(lab.report()["error"]["code"], "insecure")
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)

    def test_source_does_not_want_it(self):
        self.refuse((), ("--insecure",), "10.9.0.2:[0-9]+ is off loopback and the connection is plain text: "
                    "give --insecure on both hosts", "^")

    def test_agent_does_not_want_it(self):
        self.refuse(("--insecure",), (), "plain text off loopback is refused without --insecure",
                    "rejected.*plain text off loopback is refused without --insecure")
