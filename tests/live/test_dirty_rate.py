# SPDX-License-Identifier: LGPL-2.1-or-later
"""godwit dirty-rate on real QEMUs: the rate itself, and that a probe changes nothing in QEMU, however it ends."""

import json
import signal
import unittest

from . import env, procs
from .guests import TickGuest
from .lab import CANCELLED, FAILED, INCOMPATIBLE, Lab, USAGE, monitor_says

MIB = 1 << 20
DONE = 0
DIRTY_PAGES, INTERVAL_US, HOT_MIB = 16, 2000, 48


def guest():
    return TickGuest(ram_mib=96, dirty=DIRTY_PAGES, interval_us=INTERVAL_US, hot=HOT_MIB << 8)


class DirtyRateCase(unittest.TestCase):
    """A guest that writes a known rate, its QEMU's settings as they were."""

    def lab(self, qemu):
        return Lab(self.id(), guest=guest(), qemu=qemu,
                   machine=env.OLD_MACHINE if qemu == "7.2" else env.NEW_MACHINE)

    def up(self, lab):
        lab.start_source()
        procs.wait_until(lambda: lab.source.beats() > 1000, 30, "the guest to write")
        lab.before = self.settings(lab)

    @staticmethod
    def settings(lab):
        return [lab.source.command(name)
                for name in ("query-migrate-parameters", "query-migrate-capabilities")] + \
               [lab.source.command("qom-list", path="/objects")]

    def start(self, lab, *options):
        return lab.program("godwit", "dirty-rate", "--qmp", lab.source.qmp_path, "--state-dir",
                           lab.source.state_dir, *options)

    @staticmethod
    def under_way(lab):
        return (monitor_says(lab.source, "query-migrate") or {}).get("status") == "active"

    def check_untouched(self, lab):
        """The guest runs, nothing is under way or left over, and no tick was lost."""
        self.assertEqual(lab.source.status(), "running")
        self.assertFalse(self.under_way(lab))
        self.assertEqual(self.settings(lab), lab.before)
        self.assertEqual(lab.journals(), [])
        lab.source.wait_beat()
        lab.check_clock()


class PassiveTest(DirtyRateCase):
    def measure(self, qemu):
        with self.lab(qemu) as lab:
            self.up(lab)
            begun = lab.source.beats()
            process = self.start(lab, "--time", "6s", "--bandwidth", "1Gbit", "--json")
            self.assertEqual(process.wait(60), DONE, process.err)
            ticks = lab.source.beats() - begun
            made = json.loads(process.out)
            # By the guest's own ticks: a busy host lets it have fewer.
            rate = ticks * DIRTY_PAGES * 4096 / (made["lasted_us"] / 1e6)
            ram = made["ram"]
            self.assertEqual(ram["method"], "page-sampling")
            self.assertEqual(ram["dirty_bytes_per_s"]["confidence"], "estimated")
            self.assertLess(abs(ram["dirty_bytes_per_s"]["value"] - rate), 0.3 * rate)
            self.assertEqual(made["vgpus"], [])
            self.assertEqual(made["total"]["dirty_bytes_per_s"]["value"], ram["dirty_bytes_per_s"]["value"])
            self.assertTrue(made["prediction"]["converges"])
            self.check_untouched(lab)

    def test_old(self):
        self.measure("7.2")

    def test_new(self):
        self.measure("10.0")

    def test_wrong_usage(self):
        cases = (((), "--qmp"), (("--qmp", "x", "--time", "61s"), "between 1s and 60s"),
                 (("--qmp", "x", "--time", "10"), "'10'"), (("--qmp", "x", "--bandwidth", "fast"), "fast"))
        with Lab(self.id()) as lab:
            for options, pattern in cases:
                code, process = lab.godwit("dirty-rate", *options)
                self.assertEqual(code, USAGE, process.err)
                self.assertRegex(process.err, pattern)

    def test_no_monitor(self):
        with Lab(self.id()) as lab:
            code, process = lab.godwit("dirty-rate", "--qmp", "/nowhere/qmp")
            self.assertEqual(code, FAILED)
            self.assertRegex(process.err, "source: monitor '/nowhere/qmp'")


class ProbeTest(DirtyRateCase):
    """On 10.0: a 7.2 cannot be kept from the switchover."""

    def test_twice(self):
        with self.lab("10.0") as lab:
            self.up(lab)
            for _ in range(2):
                process = self.start(lab, "--time", "2s", "--probe", "--json")
                self.assertEqual(process.wait(60), DONE, process.err)
                self.assertGreater(json.loads(process.out)["probe"]["sent_bytes"], 90 * MIB)
                self.check_untouched(lab)

    def test_interrupt(self):
        with self.lab("10.0") as lab:
            self.up(lab)
            process = self.start(lab, "--time", "5s", "--probe")
            procs.wait_until(lambda: self.under_way(lab) or not process.is_alive(), 90, "the probe")
            process.signal(signal.SIGINT)
            self.assertEqual(process.wait(10), CANCELLED, process.err)
            self.check_untouched(lab)

    def kill(self, lab):
        """godwit dies in the midst of a probe; QEMU notices by itself."""
        process = self.start(lab, "--time", "4s", "--probe")
        procs.wait_until(lambda: self.under_way(lab) or not process.is_alive(), 60, "the probe")
        process.signal(signal.SIGKILL)
        process.wait(10)
        procs.wait_until(lambda: not self.under_way(lab), 10, "QEMU to notice")
        self.assertEqual(lab.source.status(), "running")
        self.assertEqual(len(lab.journals()), 1)

    def test_killed(self):
        with self.lab("10.0") as lab:
            self.up(lab)
            self.kill(lab)
            lab.source.wait_beat()
            code, process = lab.godwit("recover", "--state-dir", lab.source.state_dir)
            self.assertEqual(code, DONE, process.out + process.err)
            self.check_untouched(lab)

    def test_qemu_dies_too(self):
        with self.lab("10.0") as lab:
            self.up(lab)
            self.kill(lab)
            lab.source.end()
            lab.godwit("recover", "--state-dir", lab.source.state_dir)
            self.assertEqual(lab.journals(), [])

    def test_old_is_refused(self):
        with self.lab("7.2") as lab:
            self.up(lab)
            process = self.start(lab, "--time", "2s", "--probe")
            self.assertEqual(process.wait(20), INCOMPATIBLE)
            self.assertRegex(process.err, "no probe: this QEMU has no 'switchover-ack'")
            self.check_untouched(lab)

    def test_paused_guest_is_refused(self):
        with self.lab("10.0") as lab:
            lab.start_source("--paused")
            process = self.start(lab, "--time", "2s", "--probe")
            self.assertEqual(process.wait(20), INCOMPATIBLE)
            self.assertRegex(process.err, "no probe: the guest does not run")
            self.assertEqual(lab.journals(), [])

    def test_not_beside_a_migration(self):
        with self.lab("10.0") as lab:
            self.up(lab)
            lab.source.command("migrate-set-parameters", max_bandwidth=1 << 20)
            lab.source.command("migrate", uri="exec:cat >/dev/null")
            procs.wait_until(lambda: self.under_way(lab), 10, "the migration")
            process = self.start(lab, "--time", "2s", "--probe")
            self.assertEqual(process.wait(20), FAILED)
            self.assertRegex(process.err, "a migration of this VM is under way .active.")
            self.assertTrue(self.under_way(lab))
            self.assertEqual(lab.journals(), [])
            lab.source.command("migrate_cancel")
