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


class Pending(NumbersCase):
    """What is left of a vGPU before QEMU 11.1."""

    def test_by_trace(self):
        self.up(rate=RATE)
        argv = self.arguments("--bandwidth", BANDWIDTH, "--downtime-limit", "60s", "--events", "-")
        seen = []
        with subprocess.Popen([BUILD + "/tools/godwit", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as run:
            for line in run.stdout:
                sample = json.loads(line)
                if sample.get("phase") != "precopy" or not sample.get("vgpus"):
                    continue
                number = sample["vgpus"][0].get("remaining_bytes")
                if number is not None and number["source"] == "trace":
                    seen.append((number["value"], self.truth("remaining_bytes")))
            words = run.stderr.read()
        self.assertEqual(run.returncode, 0, words)
        self.assertGreater(len(seen), 3)
        for told, true in seen:
            self.assertLessEqual(abs(told - true), (BANDWIDTH_BYTES + RATE) * LATE_S, seen)


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
        self.assertIn("held up by gpu0", output)
        self.assert_stayed()


class Rate(NumbersCase):
    """dirty-rate --probe."""

    def test_probe(self):
        self.up(rate=RATE)
        code, output = godwit("dirty-rate", "--qmp", self.source.folder + "/qmp", "--probe", "--time", "10s",
                              "--json", "--state-dir", self.source.state)
        self.assertEqual(code, 0, output)
        number = json.loads(output)["vgpus"][0]["dirty_bytes_per_s"]
        if number["confidence"] != "lower-bound":
            self.assertAlmostEqual(number["value"], RATE, delta=RATE / 10)
        self.assertLessEqual(number["value"], RATE * 1.1)
        self.assertEqual(self.source.status(), "running")


class Learning(NumbersCase):
    """What the first migration has taken is kept for the second."""

    def test_kept(self):
        self.up()
        code, output, _report = self.migrate("--account", "--downtime-limit", "60s")
        self.assertEqual(code, 0, output)
        with open(os.path.join(self.source.state, "learned.json"), encoding="utf-8") as file:
            known, = json.load(file)["types"]
        self.assertEqual((known["type"], known["seen"]), ("gwvgpu-63", 1))
        self.assertGreater(known["start_us"]["likely"], 0)
