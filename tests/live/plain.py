# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same migration with plain QMP: `migrate tcp:` without Godwit. scripts/bench compares with it."""

import time

from . import procs
from .qmp import event_time_s, is_migration

UNLIMITED_BYTES_PER_S = 1 << 50


def set_capabilities(qmp, *names):
    qmp.command("migrate-set-capabilities",
                capabilities=[{"capability": name, "state": True} for name in names])


def listen(destination, address="127.0.0.1"):
    """Lets a QEMU that waits with `-incoming defer` listen; returns its port."""
    set_capabilities(destination, "events", "return-path", "late-block-activate")
    destination.command("migrate-incoming", uri="tcp:%s:0" % address)
    return int(destination.command("query-migrate")["socket-address"][0]["port"])


def timed(source):
    """query-migrate, or None while the ended migration has no times yet."""
    info = source.command("query-migrate")
    return info if info["total-time"] > 0 else None


def migrate(source, destination, address="127.0.0.1", bandwidth_bytes_per_s=0, downtime_ms=300,
            timeout_s=120.0):
    """Moves the guest of SOURCE (Qmp) to DESTINATION (Qmp; QEMU with `-S -incoming defer`), then starts it.

    Returns {"wall_s", "total_ms", "downtime_qemu_ms", "downtime_ms"}: the last is STOP on the source to
    RESUME on the destination by the one host's clock. AssertionError if the migration fails.
    """
    begun = time.monotonic()
    port = listen(destination, address)
    set_capabilities(source, "events", "return-path")
    source.command("migrate-set-parameters", downtime_limit=downtime_ms,
                   max_bandwidth=bandwidth_bytes_per_s or UNLIMITED_BYTES_PER_S)
    source.command("migrate", uri="tcp:%s:%d" % (address, port))
    for side in (source, destination):
        ended = side.wait_event(lambda e: is_migration(e, "completed") or is_migration(e, "failed"),
                                timeout_s)
        if not is_migration(ended, "completed"):
            raise AssertionError("plain migration failed: %s" % source.command("query-migrate"))
    destination.command("cont")
    resumed = destination.wait_event(lambda e: e["event"] == "RESUME")
    wall_s = time.monotonic() - begun
    stopped = source.wait_event(lambda e: e["event"] == "STOP")
    info = procs.wait_until(lambda: timed(source), 10, "the times, which QEMU 7.2 sets after the status")
    return {"wall_s": wall_s, "total_ms": info["total-time"], "downtime_qemu_ms": info["downtime"],
            "downtime_ms": (event_time_s(resumed) - event_time_s(stopped)) * 1e3}
