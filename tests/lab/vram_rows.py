#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is told of vRAM beside what the driver knows, inside the lab's VM, for scripts/bench --vram.

usage: vram_rows.py CASE    CASE: a JSON object, the arguments of Case; prints one JSON object a line

Both hosts are network namespaces; their wire is a token bucket of the case's rate. The source's sysfs is read on a
clock of its own (see Truth); what Godwit tells is stamped when its line arrives.
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.lab import vgpus  # noqa: E402 (the path first)
from tests.lab.two_hosts import BUILD, GodwitCase, Host, godwit  # noqa: E402

LOOK_S = 0.1
PROBE_S = 6
KINDS = {1: (63,), 3: (62, 62, 62)}
# Its RAM is not what is looked at.
GUEST = {"ram_mib": 32, "pages": 1536, "dirty": 1, "interval_us": 20000}
TBF = "rate %dbit burst 16k latency 20ms"
MTU = "1500"
MOST_DOWNTIME = "60s"
TIMEOUT_S = 150


class Truth(threading.Thread):
    """What the driver knows of each vGPU, read again and again until end()."""

    def __init__(self, uuids):
        super().__init__(daemon=True)
        self._uuids = uuids
        self._over = threading.Event()
        self.readings = []  # (monotonic seconds, [bytes a stop-copy would send], [bytes ever written])

    def run(self):
        stand_back()
        while not self._over.wait(LOOK_S):
            try:
                left, written = ([int(vgpus.read(vgpus.DEVICES, uuid, "gwvgpu", name)) for uuid in self._uuids]
                                 for name in ("stop_copy_bytes", "dirtied_bytes"))
            except (OSError, ValueError):
                return  # the source has let them go
            self.readings.append((time.monotonic(), left, written))

    def end(self):
        self._over.set()
        self.join()
        return self.readings


def stand_back():
    """This thread leaves the CPU to who is measured: two of them, emulated, make two hosts."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)


def shape(bytes_per_s):
    """Both directions of the wire between the hosts."""
    subprocess.run(["modprobe", "sch_tbf"], check=True)
    for host in "ab":
        inside = ["ip", "netns", "exec", "gw-" + host]
        subprocess.run([*inside, "ip", "link", "set", "gw-wire", "mtu", MTU], check=True)
        subprocess.run([*inside, "tc", "qdisc", "replace", "dev", "gw-wire", "root", "tbf",
                        *(TBF % (bytes_per_s * 8)).split()], check=True)


def rate_of(readings):
    """Bytes a second that were written to each vGPU."""
    (first_s, _, before), (last_s, _, after) = readings[0], readings[-1]
    return [(to - since) / (last_s - first_s) for since, to in zip(before, after)]


class Case(GodwitCase):
    """One guest, moved once. LEARNED: a learned.json that it begins with, or None."""

    apart = True

    def __init__(self, n_vgpus, precopy, rate_bytes_per_s, link_bytes_per_s, probe=False, learned=None,
                 ask=False):
        super().__init__()
        self.n_vgpus, self.precopy = n_vgpus, precopy
        self.rate_bytes_per_s, self.link_bytes_per_s = rate_bytes_per_s, link_bytes_per_s
        self.with_probe, self.learned, self.ask = probe, learned, ask

    def begin(self):
        shape(self.link_bytes_per_s)
        if not self.precopy:
            self.both_fault("no_precopy", 1)
        # Sorted, so that number N is QEMU's gpuN.
        self.ids = sorted(str(uuid.uuid4()) for _ in range(self.n_vgpus))
        self.lab(*KINDS[self.n_vgpus], uuids=self.ids)
        if self.learned is not None:
            with open(self._learned_path(), "w", encoding="utf-8") as file:
                json.dump(self.learned, file)
        self.fill(self.rate_bytes_per_s // self.n_vgpus)
        time.sleep(0.5)

    def _learned_path(self):
        return os.path.join(self.source.state, "learned.json")

    def probe(self):
        truth = Truth(self.ids)
        truth.start()
        code, output = godwit("dirty-rate", "--qmp", self.source.folder + "/qmp", "--probe", "--time",
                              "%ds" % PROBE_S, "--json", "--state-dir", self.source.state, prefix=self.prefix("a"))
        readings = truth.end()
        if code != 0:
            raise AssertionError("dirty-rate: exit %d: %s" % (code, output))
        return {"true_bytes_per_s": rate_of(readings), "told": json.loads(output)}

    def move(self):
        argv = [BUILD + "/tools/godwit",
                *self.arguments("--downtime-limit", MOST_DOWNTIME, "--account", "--events", "-",
                                *(["--ask-devices"] if self.ask else []), hook=None)]
        truth = Truth(self.ids)
        truth.start()
        samples = []
        with subprocess.Popen([*self.prefix("a"), *argv], stdout=subprocess.PIPE, text=True) as run:
            stand_back()
            late = threading.Timer(TIMEOUT_S, run.terminate)  # it cancels, and tells how far it came
            late.start()
            for line in run.stdout:
                samples.append((time.monotonic(), json.loads(line)))
            late.cancel()
        with open(self.folder + "/report.json", encoding="utf-8") as file:
            report = json.load(file)
        learned = None
        if os.path.exists(self._learned_path()):
            with open(self._learned_path(), encoding="utf-8") as file:
                learned = json.load(file)
        return {"exit": run.returncode, "readings": truth.end(), "samples": samples, "report": report,
                "learned": learned}


def main():
    Host.GUEST = GUEST
    case = Case(**json.loads(sys.argv[1]))
    try:
        case.setUp()
        case.begin()
        row = {"probe": case.probe()} if case.with_probe else {}
        row.update(case.move())
        print(json.dumps(row), flush=True)
    finally:
        case.doCleanups()


if __name__ == "__main__":
    main()
