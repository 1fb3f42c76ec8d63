# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways to migrate that are compared. Each gets a Run whose two QEMUs are up and moves the guest.

The destination's QEMU waits already in every arm, and the source's is ended in every arm: the wall time of the
command is from before its first connection (godwit: its fork) until the source's QEMU is gone. What an arm
returns is its part of the row: numbers in the unit of their name, absent when not known.
"""

import json
import os
import time

from tests.live import env, plain
from tests.live.qmp import Qmp, QmpGone, is_migration

from .measured import Measured, wait_all, wait_end

TIMEOUT_S = 120


def by_itself(source, destination, address, downtime_ms):
    """QEMU's own tcp:, and a destination that starts the guest when it has loaded it."""
    port = plain.listen(destination, address)
    plain.set_capabilities(source, "events", "return-path")
    source.command("migrate-set-parameters", downtime_limit=downtime_ms,
                   max_bandwidth=plain.UNLIMITED_BYTES_PER_S)
    source.command("migrate", uri="tcp:%s:%d" % (address, port))
    for side in (source, destination):
        ended = side.wait_event(lambda e: is_migration(e, "completed") or is_migration(e, "failed"),
                                TIMEOUT_S)
        if is_migration(ended, "failed"):
            raise AssertionError("migration failed: %s" % source.command("query-migrate"))
    destination.wait_event(lambda e: e["event"] == "RESUME")


def by_script(source, destination, address, downtime_ms):
    """QEMU's own tcp:, and `cont` sent when both have said completed."""
    plain.migrate(source, destination, address, downtime_ms=downtime_ms, timeout_s=TIMEOUT_S)


def last_figures(source):
    """query-migrate; again for a QEMU 7.2 that says "completed" before it has its times."""
    for _ in range(2):
        info = source.command("query-migrate")
        if info.get("total-time", 0) > 0:
            break
    return info


def move_plainly(run, move):
    """Drives MOVE as a script would; the engine's CPU is this thread's."""
    begun_s, cpu_s = time.monotonic(), time.thread_time()
    source, destination = Qmp(run.source.qmp_path), Qmp(run.destination.qmp_path)
    try:
        move(source, destination, run.link.address, run.settings.limit_ms)
        info = last_figures(source)
        source.command("quit")
        wait_end(run.source_qemu, 10)
    except QmpGone as error:
        raise AssertionError("a QEMU went away: %s" % error) from error
    finally:
        source.close()
        destination.close()
    return {"wall_ms": (time.monotonic() - begun_s) * 1000,
            "engine_cpu_ms": (time.thread_time() - cpu_s) * 1000,
            "downtime_qemu_ms": info["downtime"], "ram_bytes": info["ram"]["transferred"],
            "passes": info["ram"]["dirty-sync-count"]}


def plain_floor(run):
    return move_plainly(run, by_itself)


def plain_careful(run):
    return move_plainly(run, by_script)


def plain_text(link):
    """Off loopback godwit asks for the user's word that plain text is meant."""
    return [] if link.is_loopback else ["--insecure"]


def start_agent(run):
    """`godwit receive` for the QEMU that waits; it is up when the clock of the command starts."""
    with run.link.at_destination():
        agent = Measured([env.binary("godwit"), "receive", "--listen", run.link.address + ":0", "--qmp",
                          run.destination.qmp_path, "--state-dir", run.destination.state_dir,
                          *plain_text(run.link)], os.path.join(run.folder, "agent"))
    return agent, agent.wait_line("listening on ")


def move_by_godwit(run):
    """The direct channel: the socket itself is QEMU's."""
    agent, address = start_agent(run)
    report_path = os.path.join(run.folder, "report.json")
    engine = Measured([env.binary("godwit"), "migrate", "--qmp", run.source.qmp_path, "--to", address,
                       "--downtime-limit", "%dms" % run.settings.limit_ms, "--state-dir",
                       run.source.state_dir, "--report", report_path, "--progress", "none",
                       *plain_text(run.link)],
                      os.path.join(run.folder, "engine"))
    wait_all(engine, [agent], TIMEOUT_S)
    if engine.code != 0 or agent.code != 0:
        raise AssertionError("godwit migrate ended with %d: %sgodwit receive ended with %d: %s" % (
            engine.code, engine.out + engine.err, agent.code, agent.err))
    with open(report_path, encoding="utf-8") as file:
        return godwit_row(engine, agent, json.load(file))


def godwit_row(engine, agent, report):
    row = {"wall_ms": engine.wall_ms,
           "engine_cpu_ms": engine.cpu_ms, "engine_peak_kib": engine.peak_kib,
           "agent_cpu_ms": agent.cpu_ms, "agent_peak_kib": agent.peak_kib,
           "ram_bytes": report["ram"]["transferred_bytes"], "passes": report["ram"]["passes"],
           "phases_ms": {phase["name"]: (phase["end_us"] - phase["start_us"]) / 1000
                         for phase in report["phases"]},
           "downtime_parts_ms": {part["name"]: part["us"] / 1000
                                 for part in report["downtime_parts"]}}
    for ours, theirs in (("downtime_qemu_ms", "downtime_qemu_us"), ("downtime_report_ms", "downtime_us"),
                         ("downtime_report_error_ms", "downtime_error_us")):
        if theirs in report:
            row[ours] = report[theirs] / 1000
    return row


# NAME: how it moves, and how its destination's QEMU is started.
ARMS = {
    "plain": (plain_floor, ("-incoming", "defer")),
    "plain-s": (plain_careful, ("-S", "-incoming", "defer")),
    "godwit": (move_by_godwit, ("-S", "-incoming", "defer")),
}
FLOOR = "plain"
ENGINE = "godwit"
