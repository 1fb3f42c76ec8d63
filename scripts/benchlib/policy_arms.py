# SPDX-License-Identifier: LGPL-2.1-or-later
"""How others steer a migration, by plain QMP: the same `migrate tcp:`, another rule for downtime-limit.

fixed-300  QEMU's own default.
proxmox    qemu-server, PVE/QemuMigrate.pm: 100 ms at first; polled each second, each 100 ms once less is left than
           goes out in a second; at more than five polls in which more was left than before, or nothing, twice.
ovirt      vdsm, lib/vdsm/virt/migration.py, schedule "minimal downtime": 100 ms at first, 150, 200, 300, 400 and 500
           with iterations 1, 2, 3, 4 and 6; given up when nothing is gained any more.
vep291     KubeVirt's proposal 291: 150 ms at first; from the third iteration on seven steps to 1050, ten seconds
           apart.

--limit-ms is what the user allows. The first two never heard of it.
"""

import time

from tests.live import plain
from tests.live.qmp import QmpTimeout, is_migration

from .arm import NotConverged, Arm
from .plain_arms import move_plainly

PATIENCE_S = 60  # longer is "not in time"
STALL_S = 20     # vdsm waits 240: nothing here is as big as what that was made for


class Fixed:
    """One limit for all time."""

    def __init__(self, first_ms, _most_ms):
        self.first_ms, self.poll_s = first_ms, 1.0

    def step(self, _info, _now_s):
        return None


class Proxmox(Fixed):
    def __init__(self, _first_ms, _most_ms):
        super().__init__(100, None)
        self._limit_ms, self._last, self._count = 100, None, 0

    def step(self, info, _now_s):
        left, rate = info["remaining"], info["mbps"] * 1e6 / 8
        self.poll_s = 0.1 if left < rate else 1.0
        if self._last is not None and (left > self._last or left == 0):
            self._count += 1
        self._last = left
        if self._count <= 5:
            return None
        self._count = 0
        self._limit_ms = min(self._limit_ms * 2, 2000000)
        return self._limit_ms


class Ovirt(Fixed):
    STEPS = ((1, 150), (2, 200), (3, 300), (4, 400), (6, 500))

    def __init__(self, _first_ms, _most_ms):
        super().__init__(100, None)
        self._steps, self._began = list(self.STEPS), None
        self._least, self._gained_s = None, None

    def step(self, info, now_s):
        if self._least is None or info["remaining"] < self._least:
            self._least, self._gained_s = info["remaining"], now_s
        if now_s - self._gained_s > STALL_S:
            raise NotConverged("nothing gained for %d s" % STALL_S)
        if self._began is None:
            self._began = info["dirty-sync-count"]
        limit_ms = None
        while self._steps and info["dirty-sync-count"] - self._began >= self._steps[0][0]:
            limit_ms = self._steps.pop(0)[1]
        return limit_ms


class Vep291(Fixed):
    def __init__(self, _first_ms, _most_ms):
        super().__init__(150, None)
        self._limit_ms, self._raised_s = 150, None

    def step(self, info, now_s):
        cool = self._raised_s is not None and now_s - self._raised_s < 10
        if info["dirty-sync-count"] < 3 or self._limit_ms >= 1050 or cool:
            return None
        self._raised_s, self._limit_ms = now_s, self._limit_ms + 150
        return self._limit_ms


def is_over(event):
    return is_migration(event, "completed") or is_migration(event, "failed")


def poll(source, policy, now_s):
    """One look, as the policy's own program has it."""
    info = source.command("query-migrate")
    limit_ms = policy.step(info["ram"], now_s) if info["status"] == "active" and "ram" in info else None
    if limit_ms is not None:
        source.command("migrate-set-parameters", downtime_limit=limit_ms)
    # A migration that does not end has one of them thousands of times a second.
    source.events[:] = [event for event in source.events if event["event"] != "MIGRATION_PASS"]


def steer(source, policy):
    """Until it is over, or out of patience."""
    begun_s = time.monotonic()
    while True:
        now_s = time.monotonic() - begun_s
        if now_s > PATIENCE_S:
            raise NotConverged("not in %d s" % PATIENCE_S)
        poll(source, policy, now_s)
        try:
            ended = source.wait_event(is_over, policy.poll_s)
        except QmpTimeout:
            continue
        if is_migration(ended, "failed"):
            raise AssertionError("migration failed: %s" % source.command("query-migrate"))
        return


def by_policy(make):
    """A move for move_plainly()."""
    def moved(source, destination, address, most_ms):
        policy = make(300, most_ms)
        port = plain.listen(destination, address)
        plain.set_capabilities(source, "events", "return-path")
        source.command("migrate-set-parameters", downtime_limit=policy.first_ms,
                       max_bandwidth=plain.UNLIMITED_BYTES_PER_S)
        source.command("migrate", uri="tcp:%s:%d" % (address, port))
        try:
            steer(source, policy)
        except NotConverged:
            source.command("migrate_cancel")
            raise
        destination.wait_event(lambda e: is_migration(e, "completed"), 30)
        destination.command("cont")
        destination.wait_event(lambda e: e["event"] == "RESUME")
    return lambda run: move_plainly(run, moved)


ARMS = (
    Arm("fixed-300", by_policy(Fixed), base="plain-s"),
    Arm("proxmox", by_policy(Proxmox), base="plain-s"),
    Arm("ovirt", by_policy(Ovirt), base="plain-s"),
    Arm("vep291", by_policy(Vep291), base="plain-s"),
)
