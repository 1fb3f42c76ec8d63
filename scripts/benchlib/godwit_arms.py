# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways of Godwit: its command beside the same guest, channel by channel."""

import contextlib
import json
import os

from tests.live import env
from tests.live.flood import Flood
from tests.live.qmp import is_migration

from .arm import TIMEOUT_S, Arm, NotConverged
from .measured import Measured, wait_all


NO_CONVERGENCE = 4


def plain_text(link):
    """Off loopback godwit asks for the user's word that plain text is meant."""
    return [] if link.is_loopback else ["--insecure"]


def start_agent(run, *receives):
    """`godwit receive` for one migration; it is up when the clock of the command starts."""
    # Where there are several cables it listens at all of them.
    listen = run.link.address if len(run.link.cables) < 2 else "0.0.0.0"
    with run.link.at_destination(), run.on_destination_core():
        agent = Measured([env.binary("godwit"), "receive", "--listen", listen + ":0", *receives,
                          "--state-dir", run.destination.state_dir, *plain_text(run.link)],
                         os.path.join(run.folder, "agent"))
    port = agent.wait_line("listening on ").rpartition(":")[2]
    return agent, "%s:%s" % (run.link.address, port)


def move(run, agent, address, *options, beside=contextlib.nullcontext):
    """`godwit migrate` to an agent that listens. BESIDE(): what goes on meanwhile."""
    report_path = os.path.join(run.folder, "report.json")
    engine = Measured([env.binary("godwit"), "migrate", "--qmp", run.source.qmp_path, "--to", address,
                       "--downtime-limit", "%dms" % run.settings.limit_ms, "--state-dir",
                       run.source.state_dir, "--report", report_path, "--progress", "none",
                       *plain_text(run.link), *options],
                      os.path.join(run.folder, "engine"))
    run.watch_destination()
    with beside():
        wait_all(engine, [agent], TIMEOUT_S)
    if engine.code == NO_CONVERGENCE:
        raise NotConverged("after %.1f s: %s" % (engine.wall_ms / 1000, engine.err.splitlines()[0]))
    if engine.code != 0 or agent.code != 0:
        raise AssertionError("godwit migrate ended with %d: %sgodwit receive ended with %d: %s" % (
            engine.code, engine.out + engine.err, agent.code, agent.err))
    with open(report_path, encoding="utf-8") as file:
        return godwit_row(engine, agent, json.load(file))


def with_options(*options):
    """The move to a QEMU that waits already."""
    def moved(run):
        return move(run, *start_agent(run, "--qmp", run.destination.qmp_path), *options)
    return moved


def over_all_cables(*options):
    """The same with each cable bound to, one channel after the other."""
    def moved(run):
        binds = ["--bind=%s=%s" % (cable.source, cable.destination) for cable in run.link.cables]
        return move(run, *start_agent(run, "--qmp", run.destination.qmp_path), *binds, *options)
    return moved


def beside_flood(prepare, *options):
    """The same while strangers call the agent 1,000 times a second, over lo. PREPARE: the agent's and our own options.

    QEMU has begun when they come: all of them share our address, and who comes later has to try again.
    """
    def moved(run):
        theirs, ours = prepare(run)
        agent, address = start_agent(run, "--qmp", run.destination.qmp_path, *theirs)

        @contextlib.contextmanager
        def flood():
            run.source.monitor().wait_event(lambda event: is_migration(event, "setup"))
            with Flood(int(address.rpartition(":")[2])):
                yield
        return move(run, agent, address, *ours, *options, beside=flood)
    return moved


def whole(run):
    """The move to a QEMU that the agent starts from the VM file, as libvirt does."""
    return move(run, *start_agent(run, "--vm", run.destination.vm_file))


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


def start_source_only(run, arm):
    run.start_source()


# The sockets as the kernel makes them.
KNOBS_OFF = ("--send-queue", "0")

ARMS = (
    Arm("godwit", with_options()),
    Arm("godwit-vm", whole, start=start_source_only),
    Arm("relay", with_options("--transport", "relay")),
    Arm("relay-account", with_options("--account"), base="relay"),
    Arm("flood", beside_flood(lambda run: ((), ())), base="godwit"),
    Arm("multifd2", with_options("--channels", "2"), base="plain-multifd2"),
    Arm("multifd4", with_options("--channels", "4"), base="plain-multifd4"),
    Arm("multifd2-bind", over_all_cables("--channels", "2"), base="multifd2"),
    Arm("multifd2-bind-off", over_all_cables("--channels", "2", *KNOBS_OFF), base="multifd2-bind"),
    Arm("godwit-off", with_options(*KNOBS_OFF), base="godwit"),
    Arm("relay-off", with_options("--transport", "relay", *KNOBS_OFF), base="relay"),
    Arm("multifd2-off", with_options("--channels", "2", *KNOBS_OFF), base="multifd2"),
    Arm("queue-16k", with_options("--send-queue", "16KiB"), base="godwit"),
    Arm("queue-512k", with_options("--send-queue", "512KiB"), base="godwit"),
    Arm("cubic", with_options("--congestion", "cubic"), base="godwit"),
    Arm("bbr", with_options("--congestion", "bbr"), base="godwit"),
)
