# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/bench --probe: how much slower a guest is while `godwit dirty-rate --probe` measures it.

The guest has more to do than it can: it rewrites pages without a rest, and ticks after each so many. So its ticks are
its work. Of each run three spells of it: before, while the migration to nowhere goes, and after.
"""

import json
import statistics
import subprocess
import time

from tests.live import env, procs
from tests.live.scratch import Scratch
from tests.live.side import Side

from . import ticks

QEMU = "10.0"  # 7.2 has no switchover-ack, and the probe is refused
SPELL_S = 4
PROBE_S = 4
RAM_MIB = 128
PAGES_A_TICK = 4096  # some milliseconds of work
HOT_MIB = (4, 96)  # what it rewrites: little, again and again, or nearly all that it has


class BusyGuest(ticks.StampedGuest):
    """One that is never done."""

    def __init__(self, hot_mib):
        super().__init__(RAM_MIB, 0, hot_mib)
        self.dirty = PAGES_A_TICK


def count(stamps, begun_ns, ended_ns):
    """Ticks a second between the two."""
    return sum(begun_ns <= stamp < ended_ns for stamp, _ in stamps) * 1e9 / (ended_ns - begun_ns)


def probe(side, folder):
    """(when the migration to nowhere began and ended, its output): AssertionError when it fails."""
    argv = [env.binary("godwit"), "dirty-rate", "--qmp", side.qmp_path, "--probe", "--time", "%ds" % PROBE_S, "--json",
            "--state-dir", folder]
    run = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    procs.wait_until(lambda: side.migration_status() == "active" or run.poll() is not None, 60, "the probe", 0.02)
    begun_ns = time.monotonic_ns()
    procs.wait_until(lambda: side.migration_status() != "active" or run.poll() is not None, 60, "its end", 0.02)
    ended_ns = time.monotonic_ns()
    output = run.communicate()[0]
    if run.returncode != 0:
        raise AssertionError("dirty-rate: exit %d: %s" % (run.returncode, output))
    return begun_ns, ended_ns, json.loads(output)


def one(hot_mib):
    """The row of one guest."""
    guest = BusyGuest(hot_mib)
    with Scratch("probe") as scratch:
        side = Side(scratch.path("a"), guest, QEMU, env.NEW_MACHINE)
        scratch.sides = [side]
        with ticks.Reader([side]) as reader:
            side.start_plainly()
            side.wait_beat()
            time.sleep(2)
            before_ns = time.monotonic_ns()
            time.sleep(SPELL_S)
            begun_ns, ended_ns, told = probe(side, scratch.folder)
            time.sleep(1)
            after_ns = time.monotonic_ns()
            time.sleep(SPELL_S)
            reader.finish()
        stamps = guest.stamps(side.clock_path)
        guest.check([tick for _, tick in stamps])
    spell_ns = int(SPELL_S * 1e9)
    row = {"hot_mib": hot_mib, "before": count(stamps, before_ns, before_ns + spell_ns),
           "during": count(stamps, begun_ns, ended_ns), "probe_s": (ended_ns - begun_ns) / 1e9,
           "after": count(stamps, after_ns, after_ns + spell_ns), "told": told}
    row["part"] = 2 * row["during"] / (row["before"] + row["after"])
    return row


def measure(options, path):
    """Its exit code."""
    rows = []
    print("the guest's work a second: before, while it is probed, after, and what is left of its speed")
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(options.blocks):
            for hot_mib in HOT_MIB:
                row = one(hot_mib)
                rows.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
                print("%3d MiB rewritten  %6.1f  %6.1f (%.1f s)  %6.1f   %.2f" % (
                    hot_mib, row["before"], row["during"], row["probe_s"], row["after"], row["part"]), flush=True)
    for hot_mib in HOT_MIB:
        parts = [row["part"] for row in rows if row["hot_mib"] == hot_mib]
        print("%3d MiB: %.2f of its speed (%.2f to %.2f in %d runs)" % (
            hot_mib, statistics.median(parts), min(parts), max(parts), len(parts)))
    print("\nwritten: %s" % path)
    return 0
