# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways without an engine: QEMU's own `migrate tcp:`, told by a script."""

import time

from tests.live import plain
from tests.live.qmp import Qmp, QmpGone, is_migration

from .arm import TIMEOUT_S, Arm
from .measured import wait_end


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


ARMS = (
    Arm("plain", plain_floor, incoming=("-incoming", "defer")),
    Arm("plain-s", plain_careful),
)
