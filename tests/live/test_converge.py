# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests with a dirty rate above the link's bandwidth, and what Godwit does: real QEMUs, a limited bandwidth."""

import unittest

from . import env, procs
from .guests import TickGuest
from .lab import NO_CONVERGENCE, Lab, RUNS_ON_DESTINATION, USAGE, monitor_says

HOT_PAGES = 24 << 8
# 64 MB a second into 24 MiB, over 20 MiB a second: 20 MiB and more are dirty at any time, 100 ms hold 2.
TIGHT = ("--bandwidth", "20MiB", "--downtime-limit", "100ms")


def busy_guest():
    return TickGuest(ram_mib=48, dirty=32, interval_us=2000, hot=HOT_PAGES)


class ConvergeCase:
    """The same on each QEMU."""

    def lab(self):
        return Lab(self.id(), guest=busy_guest(), qemu=self.qemu, machine=self.machine)

    def up(self, lab):
        lab.start_source()
        lab.start_agent()
        procs.wait_until(lambda: lab.source.beats() > 2000, 30, "the guest to write")

    def check_stays(self, lab, before):
        """The guest runs here as if nothing had been; so do its settings."""
        lab.wait_runs_only_on(lab.source)
        self.assertEqual(lab.source.command("query-migrate-parameters"), before)
        self.assertEqual(lab.journals(), [])
        lab.check_clock()

    def test_gives_up_with_the_numbers(self):
        with self.lab() as lab:
            self.up(lab)
            before = lab.source.command("query-migrate-parameters")
            migrate = lab.start_migrate(*TIGHT)
            self.assertEqual(migrate.wait(60), NO_CONVERGENCE, migrate.err)
            self.assertRegex(migrate.err, r"it will not converge: a downtime of 100 ms is allowed, about [0-9]+ ms "
                                          r"are needed; [0-9.]+ MiB/s are sent; RAM has [0-9.]+ MiB left and")
            report = lab.report()
            self.assertEqual((report["outcome"], report["vm_runs_on"]), ("no-convergence", "source"))
            self.assertFalse(report["prediction"]["converges"])
            self.assertGreater(report["prediction"]["needed_downtime_limit_us"]["low"], 100000)
            self.assertTrue(all(sample.get("downtime_limit_us", 1) <= 100000 for sample in report["samples"]))
            self.check_stays(lab, before)

    def test_waits_until_the_time_out(self):
        with self.lab() as lab:
            self.up(lab)
            before = lab.source.command("query-migrate-parameters")
            migrate = lab.start_migrate(*TIGHT, "--on-stall", "wait", "--timeout", "14s")
            self.assertEqual(migrate.wait(60), NO_CONVERGENCE, migrate.err)
            self.assertRegex(migrate.err, "not converged within 14.0 s: a downtime of 100 ms is allowed")
            self.check_stays(lab, before)

    def test_extends_as_far_as_needed(self):
        with self.lab() as lab:
            self.up(lab)
            report = lab.migrate(*TIGHT, "--on-stall", "extend")
            limits = [sample.get("downtime_limit_us", 0) for sample in report["samples"]]
            self.assertGreater(max(limits), 100000)
            self.assertLess(max(limits), 5000000)
            lab.wait_runs_only_on(lab.destination)
            lab.check_clock()

    def test_throttles_the_vcpus(self):
        with self.lab() as lab:
            self.up(lab)
            migrate = lab.start_migrate(*TIGHT, "--on-stall", "throttle")
            throttles = []

            def throttled():
                info = monitor_says(lab.source, "query-migrate") or {}
                throttles.append(info.get("cpu-throttle-percentage", 0))
                return throttles[-1] >= 20 or not migrate.is_alive()
            procs.wait_until(throttled, 60, "a throttle")
            self.assertEqual(migrate.wait(90), RUNS_ON_DESTINATION, migrate.err)
            self.assertGreaterEqual(max(throttles), 20)
            limits = [sample.get("downtime_limit_us", 0) for sample in lab.report()["samples"]]
            self.assertLessEqual(max(limits), 100000)
            lab.wait_runs_only_on(lab.destination)
            lab.check_clock()


class ConvergeOld(ConvergeCase, unittest.TestCase):
    qemu, machine = "7.2", env.OLD_MACHINE


class ConvergeNew(ConvergeCase, unittest.TestCase):
    qemu, machine = "10.0", env.NEW_MACHINE


class LimitTest(unittest.TestCase):
    """What QEMU is told while all is well."""

    def test_limit_stays_low(self):
        guest = TickGuest(ram_mib=64, dirty=4, interval_us=2000, hot=HOT_PAGES)
        with Lab(self.id(), guest=guest) as lab:
            lab.start_source()
            lab.start_agent()
            report = lab.migrate("--bandwidth", "30MiB", "--downtime-limit", "2s")
            limits = [sample["downtime_limit_us"] for sample in report["samples"] if "downtime_limit_us" in sample]
            self.assertEqual(limits[0], 30000)
            self.assertLess(max(limits), 400000)
            self.assertTrue(report["prediction"]["converges"])
            self.assertEqual([part["name"] for part in report["prediction"]["parts"]],
                             ["stop", "ram", "in-flight", "device-state", "load", "start"])

    def test_unknown_word(self):
        with Lab(self.id()) as lab:
            code, process = lab.godwit("migrate", "--qmp", "x", "--to", "127.0.0.1", "--on-stall", "hope")
            self.assertEqual(code, USAGE)
            self.assertIn("--on-stall: 'hope' is not known: say wait, throttle, extend or abort", process.err)
