# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways without an engine: QEMU's own `migrate tcp:`, told by a script."""

import functools
import os
import shutil
import time

from tests.live import plain, procs
from tests.live.qmp import Qmp, QmpGone, is_migration

from .arm import TIMEOUT_S, Arm
from .measured import Measured, wait_all, wait_end


def run_to_the_end(source, destination, uri, downtime_ms):
    """From `migrate` to a guest that the destination has started by itself."""
    plain.set_capabilities(source, "events", "return-path")
    source.command("migrate-set-parameters", downtime_limit=downtime_ms,
                   max_bandwidth=plain.UNLIMITED_BYTES_PER_S)
    source.command("migrate", uri=uri)
    for side in (source, destination):
        ended = side.wait_event(lambda e: is_migration(e, "completed") or is_migration(e, "failed"),
                                TIMEOUT_S)
        if is_migration(ended, "failed"):
            raise AssertionError("migration failed: %s" % source.command("query-migrate"))
    destination.wait_event(lambda e: e["event"] == "RESUME")


def by_itself(source, destination, address, downtime_ms):
    """QEMU's own tcp:, and a destination that starts the guest when it has loaded it."""
    port = plain.listen(destination, address)
    run_to_the_end(source, destination, "tcp:%s:%d" % (address, port), downtime_ms)


def by_multifd(channels, source, destination, address, downtime_ms):
    """The same over CHANNELS connections of QEMU's own beside its main one."""
    for side in (source, destination):
        plain.set_capabilities(side, "multifd")
        side.command("migrate-set-parameters", multifd_channels=channels)
    by_itself(source, destination, address, downtime_ms)


def set_up_tunnel(source, destination, uri, downtime_ms):
    """Through sockets of a tunnel's: URI has the names at both ends."""
    plain.set_capabilities(destination, "events", "return-path", "late-block-activate")
    destination.command("migrate-incoming", uri=uri[1])
    run_to_the_end(source, destination, uri[0], downtime_ms)


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


def move_plainly(run, move, place=None):
    """Drives MOVE as a script would, to PLACE or the link's address; the engine's CPU is this thread's."""
    begun_s, cpu_s = time.monotonic(), time.thread_time()
    source, destination = Qmp(run.source.qmp_path), Qmp(run.destination.qmp_path)
    try:
        move(source, destination, place or run.link.address, run.settings.limit_ms)
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


def plain_multifd(channels):
    def moved(run):
        return move_plainly(run, functools.partial(by_multifd, channels))
    return moved


def tunnel_through_socat(run):
    """A process at each end that copies between QEMU's UNIX socket and a TCP connection.

    So do the tunnels of Proxmox and Incus (Proxmox's is ssh, which encrypts too). The port is free: the
    network is the run's own.
    """
    here, there = [os.path.join(side.folder, "tunnel") for side in (run.source, run.destination)]
    with run.link.at_destination(), run.on_destination_core():
        far = Measured(["socat", "-b65536", "TCP-LISTEN:4444,reuseaddr", "UNIX-CONNECT:" + there],
                       os.path.join(run.folder, "socat-there"))
    near = Measured(["socat", "-b65536", "UNIX-LISTEN:" + here,
                     "TCP:%s:4444,retry=50,interval=0.02" % run.link.address],
                    os.path.join(run.folder, "socat-here"))
    procs.wait_until(lambda: os.path.exists(here), 5, "the tunnel")
    row = move_plainly(run, set_up_tunnel, ("unix:" + here, "unix:" + there))
    wait_all(near, [far], 5)
    row.update(engine_cpu_ms=row["engine_cpu_ms"] + near.cpu_ms, agent_cpu_ms=far.cpu_ms)
    return row


def no_socat(settings):
    return None if shutil.which("socat") else "socat is not installed"


ITSELF = ("-incoming", "defer")

ARMS = (
    Arm("plain", plain_floor, incoming=ITSELF),
    Arm("plain-s", plain_careful),
    Arm("plain-multifd2", plain_multifd(2), incoming=ITSELF),
    Arm("plain-multifd4", plain_multifd(4), incoming=ITSELF),
    Arm("socat", tunnel_through_socat, incoming=ITSELF, missing=no_socat),
)
