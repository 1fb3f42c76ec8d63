# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run: two fresh QEMUs in a fresh namespace, one migration, one row. A run that fails is a row too."""

import contextlib
import os
import subprocess
import time

from tests.live import env, procs
from tests.live.qmp import QmpError, QmpGone, QmpTimeout, event_time_s, is_migration
from tests.live.scratch import Scratch
from tests.live.side import Side

from . import host, measured, ticks
from .arm import NotConverged
from .link import Link

BASELINE_S = 1.0
AFTER_S = 0.3
WARM_UP_TICKS = 500
DISTURBED_P99_MS = 3.0
DISTURBED_CORES = 0.2

MACHINES = {"7.2": env.OLD_MACHINE, "10.0": env.NEW_MACHINE}


class Settings:
    """What all runs have in common."""

    def __init__(self, qemu, limit_ms, ram_mib, dirty_mb_per_s, hot_mib=None, rest_ms=0):
        self.qemu, self.limit_ms = qemu, limit_ms
        self.ram_mib, self.dirty_mb_per_s = ram_mib, dirty_mb_per_s
        self.hot_mib, self.rest_ms = hot_mib, rest_ms
        cores = sorted(os.sched_getaffinity(0))
        self.all_cores = set(cores)
        self.source_core, self.destination_core = cores[0], cores[1 % len(cores)]

    def guest(self):
        return ticks.StampedGuest(self.ram_mib, self.dirty_mb_per_s, self.hot_mib, self.rest_ms)


class Run(Scratch):
    """The two sides of one migration. Use with `with`."""

    def __init__(self, settings, link, arm):
        super().__init__(arm.name)
        self.settings, self.link, self.arm = settings, link, arm
        self.guest = settings.guest()
        self.source = self.destination = None
        self.source_pid = self.destination_pid = None  # of QEMUs that are up before the clock starts
        self.source_qemu = None
        self._started = []

    def __enter__(self):
        super().__enter__()
        machine = MACHINES[self.settings.qemu]
        self.sides = [Side(self.path(name), self.guest, self.settings.qemu, machine) for name in "ab"]
        self.source, self.destination = self.sides
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.arm.end(self)
        finally:
            super().__exit__(kind, error, trace)
            for process in self._started:
                process.wait(10)

    @contextlib.contextmanager
    def _on_core(self, core):
        """What is started inside inherits the core from this thread."""
        os.sched_setaffinity(0, {core})
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.settings.all_cores)

    def on_destination_core(self):
        return self._on_core(self.settings.destination_core)

    def start_source(self):
        with self._on_core(self.settings.source_core):
            self.source_qemu = self.source.start_plainly()
        self._started.append(self.source_qemu)
        self.source_pid = self.source_qemu.pid

    def start_destination(self, *options):
        with self.link.at_destination(), self.on_destination_core():
            process = self.destination.start_plainly(*options)
        self._started.append(process)
        self.destination_pid = process.pid

    def start(self):
        """What the arm needs is up, the guest warm, our own monitors connected: each takes down the events."""
        self.arm.start(self, self.arm)
        self.source.monitor()
        if self.destination_pid is not None:
            self.destination.monitor()
        procs.wait_until(lambda: self.source.beats() > WARM_UP_TICKS * ticks.RECORD.size, 60,
                         "the guest's ticks", 0.05)

    def watch_destination(self):
        """Our own monitor of a QEMU that the arm starts, before there is anything to see."""
        def connected():
            try:
                return self.destination.monitor()
            except (QmpGone, QmpError):
                return None
        procs.wait_until(connected, 60, "the destination's monitor", 0.02)

    def event(self, side, wanted):
        """When QEMU says that the first such event was, in ms."""
        return event_time_s(side.monitor().wait_event(wanted, 5)) * 1000

    def event_times(self):
        begun = self.event(self.source, lambda e: is_migration(e, "setup"))
        stopped = self.event(self.source, lambda e: e["event"] == "STOP")
        completed = self.event(self.source, lambda e: is_migration(e, "completed"))
        resumed = self.event(self.destination, lambda e: e["event"] == "RESUME")
        return {"total_ms": resumed - begun, "precopy_ms": stopped - begun,
                "completed_ms": completed - begun, "downtime_ms": resumed - stopped}

    def tick_times(self, moved_ns):
        """The blackout, and how regular the ticks were in the second before the command."""
        source, destination = [self.guest.stamps(side.clock_path) for side in self.sides]
        self.guest.check([tick for _, tick in source + destination])
        if not destination:
            raise AssertionError("the guest gives no sign of life at the destination")
        before = [stamp for stamp in source if moved_ns - BASELINE_S * 1e9 < stamp[0] < moved_ns]
        return {"blackout_ms": ticks.blackout_ms(source, destination),
                "baseline_p99_ms": ticks.percentile(ticks.intervals_ms(before), 0.99)}


def watch_others(run):
    """How much CPU all but our two QEMUs uses before the run, in cores."""
    pids = [pid for pid in (run.source_pid, run.destination_pid) if pid is not None]
    busy = [host.busy_ms() - sum(map(measured.cpu_ms, pids))]
    begun_s = time.monotonic()
    time.sleep(BASELINE_S)
    busy.append(host.busy_ms() - sum(map(measured.cpu_ms, pids)))
    return max(busy[1] - busy[0], 0) / 1000 / (time.monotonic() - begun_s)


def measure(run, row):
    """Fills ROW. AssertionError and its like when something is not as it must be."""
    with ticks.Reader(run.sides) as reader:
        run.start()
        row["others_cores"] = watch_others(run)
        moved_ns = time.monotonic_ns()
        row.update(run.arm.move(run))
        row.update(run.event_times())
        time.sleep(AFTER_S)
        reader.finish()
    row.update(run.tick_times(moved_ns))
    if "ram_bytes" in row:  # the arms of libvirt do not ask
        row["throughput_mbit"] = row["ram_bytes"] * 8 / 1000 / row["completed_ms"]
        carried_mbit = run.link.carried_mbit()
        if carried_mbit is not None:
            row["link_part"] = row["throughput_mbit"] / carried_mbit
    if "agent_cpu_ms" in row:
        row["cpu_part"] = (row["engine_cpu_ms"] + row["agent_cpu_ms"]) / row["total_ms"]
    if "downtime_report_ms" in row:
        row["report_error_ms"] = row["downtime_report_ms"] - row["blackout_ms"]
    row["disturbed"] = (row["baseline_p99_ms"] > DISTURBED_P99_MS
                        or row["others_cores"] > DISTURBED_CORES)


def one(settings, block, link_name, arm, label=None):
    """The row of one run. LABEL is the link's name and, where there are several, the load's."""
    row = {"block": block, "link": label or link_name, "arm": arm.name, "qemu": settings.qemu,
           "begun": time.time(), "load1": os.getloadavg()[0], "ok": False}
    try:
        with Link(link_name) as link, Run(settings, link, arm) as run:
            measure(run, row)
        row["ok"] = True
    except NotConverged as error:
        row["gave_up"] = row["error"] = str(error)
    except (AssertionError, QmpError, QmpGone, QmpTimeout, OSError, KeyError,
            subprocess.SubprocessError) as error:
        row["error"] = "%s: %s" % (type(error).__name__, error)
    return row
