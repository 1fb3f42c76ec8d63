# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is told of vRAM, held against what the driver knows: how much is left, what holds a migration up, how fast it is
written; and that a migration teaches the next."""

import json
import os
import subprocess
import time

from .two_hosts import BUILD, MIB, NO_CONVERGENCE, GodwitCase, godwit

BANDWIDTH, BANDWIDTH_BYTES = "4MiB", 4 * MIB
RATE = MIB
LATE_S = 1.5  # QEMU asks when it wants to


class NumbersCase(GodwitCase):
    """One vGPU that is full."""

    def up(self, kind=63, rate=0):
        self.lab(kind)
        self.fill(rate)
        self.uuid, = self.source.uuids()
        time.sleep(0.5)

    def truth(self, name):
        return int(self.source.get(self.uuid, name))

    def watch(self, look, *options):
        """(exit code, what it said): of a migration. LOOK is called with each sample of its pre-copy."""
        argv = self.arguments("--bandwidth", BANDWIDTH, "--events", "-", *options)
        with subprocess.Popen([BUILD + "/tools/godwit", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as run:
            for line in run.stdout:
                sample = json.loads(line)
                if sample.get("phase") == "precopy" and sample.get("vgpus"):
                    look(sample)
            words = run.stderr.read()
        return run.returncode, words


class Pending(NumbersCase):
    """What is left of a vGPU before QEMU 11.1."""

    def told(self, source, name, *options):
        """[(bytes, what the driver says)]: of samples whose rest has this source."""
        seen = []

        def look(sample):
            number = sample["vgpus"][0].get("remaining_bytes")
            if number is not None and number["source"] == source:
                seen.append((number["value"], self.truth(name)))

        code, words = self.watch(look, "--downtime-limit", "60s", *options)
        self.assertEqual(code, 0, words)
        return seen

    def assert_true(self, seen):
        self.assertGreater(len(seen), 3)
        for told, true in seen:
            self.assertLessEqual(abs(told - true), (BANDWIDTH_BYTES + RATE) * LATE_S, seen)

    def test_by_trace(self):
        self.up(rate=RATE)
        self.assert_true(self.told("trace", "remaining_bytes"))

    def test_by_the_driver(self):
        """Asked through a descriptor of QEMU's, where the trace points are somebody else's."""
        self.up(rate=RATE)
        self.source.command("trace-event-set-state", name="vfio_state_pending*", enable=True)
        self.assert_true(self.told("device", "stop_copy_bytes", "--ask-devices"))


class Holdup(NumbersCase):
    """RAM has converged, vRAM has not."""

    def test_named(self):
        self.both_fault("no_precopy", 1)
        self.up()
        self.note()
        code, output, report = self.migrate("--bandwidth", BANDWIDTH, "--downtime-limit", "300ms", "--account",
                                            "--progress", "plain")
        self.assertEqual(code, NO_CONVERGENCE, output)
        self.assertIn("gpu0", report["error"]["message"])
        self.assertIn("bottleneck gpu0", output)
        self.assert_stayed()

    def test_ends_within_the_maximum(self):
        """By the limit that is computed, which is less than the maximum, and more than where it begins."""
        self.up(rate=4 * RATE)
        self.note()
        limits = []
        code, words = self.watch(lambda sample: limits.append(sample.get("downtime_limit_us")),
                                 "--downtime-limit", "20s")
        self.assertEqual(code, 0, words)
        self.assert_moved()
        with open(self.folder + "/report.json", encoding="utf-8") as file:
            self.assertLess(json.load(file)["downtime_us"], 20e6)
        limits = [limit for limit in limits if limit is not None]
        self.assertGreater(limits[-1], limits[0])
        self.assertLess(limits[-1], 20e6)

    def test_given_up_at_once(self):
        """With a maximum that is too small, by the third sample that knows what it will take: QEMU 11.1 tells of the vGPU in
        the first pass over RAM, of which more is left then; with 10.0 there is a bound first."""
        self.both_fault("no_precopy", 1)
        self.up()
        self.note()
        known = []

        def look(sample):
            rest = sample["vgpus"][0].get("remaining_bytes", {"confidence": "bound"})
            if known or (sample.get("held_up_by") == "gpu0" and rest["confidence"] != "bound"):
                known.append(sample)

        code, words = self.watch(look, "--downtime-limit", "300ms")
        self.assertEqual(code, NO_CONVERGENCE, words)
        self.assertIn(len(known), (1, 2, 3), known)
        self.assert_stayed()


class Rate(NumbersCase):
    """dirty-rate."""

    def test_passive(self):
        """The driver is asked, and QEMU is not changed."""
        self.up()
        number = self.rate()["stop_bytes"]
        self.assertEqual((number["source"], number["value"]), ("device", self.truth("stop_copy_bytes")))

    def test_no_data_size(self):
        """Nobody knows: there is only how much there is."""
        self.source_fault("no_data_size", 1)
        self.up()
        number = self.rate()["stop_bytes"]
        self.assertEqual((number["source"], number["confidence"], number["value"]),
                         ("framebuffer", "bound", 16 * MIB))

    def rate(self, *options):
        """What is told of the vGPU."""
        code, output = godwit("dirty-rate", "--qmp", self.source.folder + "/qmp", "--json", "--state-dir",
                              self.source.state, *options)
        self.assertEqual(code, 0, output)
        vgpu, = json.loads(output)["vgpus"]
        self.assertEqual(self.source.status(), "running")
        return vgpu

    def test_probe(self):
        self.up(rate=RATE)
        number = self.rate("--probe", "--time", "10s")["dirty_bytes_per_s"]
        if number["confidence"] != "lower-bound":
            self.assertAlmostEqual(number["value"], RATE, delta=RATE / 10)
        self.assertLessEqual(number["value"], RATE * 1.1)


class Learning(NumbersCase):
    """What the first migration has taken is kept for the second."""

    def test_kept(self):
        self.up()
        code, output, _report = self.migrate("--account", "--downtime-limit", "60s")
        self.assertEqual(code, 0, output)
        with open(os.path.join(self.source.state, "learned.json"), encoding="utf-8") as file:
            known, = json.load(file)["types"]
        self.assertEqual((known["type"], known["seen"]), ("gwvgpu-63", 1))
        start_us, = known["start_us"]
        self.assertGreater(start_us, 0)
