#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts/demo does inside each of its two hosts besides calling godwit. Runs in the lab's VM.

usage: demo-host.py FOLDER prepare                   the VM file and the guest's disk, the same on both hosts
       demo-host.py FOLDER agent ADDRESS             starts godwitd, which stays; prints where it listens
       demo-host.py FOLDER write BYTES_A_SECOND      fills the vGPU's vRAM, and lets its engine write at that rate
       demo-host.py FOLDER ticking                   waits until the guest has ticked a second's worth
"""

import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.lab import vgpus  # noqa: E402 (the path first)
from tests.live import env, guests  # noqa: E402

TYPE = 63
TICKS_PER_S = 50
PATIENCE_S = 60.0
# Nothing is built in here: the machine outside made the guest and shares it.
env.guests_dir = lambda: os.environ["GODWIT_GUESTS"]


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("waited %d s for %s" % (PATIENCE_S, what))
        time.sleep(0.1)


def prepare(folder):
    guest = guests.TickGuest(ram_mib=32, dirty=2, interval_us=1000000 // TICKS_PER_S)
    for name in ("vms", "state"):
        os.makedirs(os.path.join(folder, name))
    guest.prepare(folder)
    argv = ["qemu-system-x86_64", "-name", "demo", "-machine", "pc-q35-10.0", "-accel", "tcg", "-nodefaults",
            "-no-user-config", "-display", "none", "-boot", "strict=on",
            "-qmp", "unix:${qmp},server=on,wait=off"]
    argv += guest.options(folder, folder + "/clock")
    argv += ["-device", "vfio-pci,id=gpu0,sysfsdev=${gpu0},enable-migration=on,migration-events=on"]
    with open(folder + "/vms/demo.vm", "w", encoding="ascii") as file:
        file.write("[vm]\nname=demo\nqmp=%s/qmp\nargv=%s\n\n[vgpu gpu0]\ntype=gwvgpu-%d\n"
                   % (folder, " ".join(argv), TYPE))


def agent(folder, address):
    argv = [os.environ["GODWIT_BUILD"] + "/tools/godwitd", "--listen", address, "--insecure",
            "--vm-dir", folder + "/vms", "--state-dir", folder + "/state"]
    with open(folder + "/agent.out", "wb") as out, open(folder + "/agent.err", "wb") as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   start_new_session=True)

    def has_said():
        return process.poll() is not None or os.path.getsize(folder + "/agent.out") > 0

    wait_until(has_said, "godwitd")
    for name in ("agent.out", "agent.err"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            sys.stdout.write(file.read())
    if process.poll() is not None:
        sys.exit("godwitd has ended")


def write(_, rate):
    uuid, = vgpus.all_uuids()
    vgpus.write(2026, vgpus.DEVICES, uuid, "gwvgpu", "fill")
    vgpus.write(rate, vgpus.DEVICES, uuid, "gwvgpu", "dirty_rate")


def ticking(folder):
    def ticks():
        return len(guests.TickGuest.read(folder + "/clock"))

    begun = ticks()
    wait_until(lambda: ticks() >= begun + TICKS_PER_S, "the guest's ticks")


def main():
    acts = {"prepare": prepare, "agent": agent, "write": write, "ticking": ticking}
    if len(sys.argv) < 3 or sys.argv[2] not in acts:
        sys.exit(__doc__)
    acts[sys.argv[2]](sys.argv[1], *sys.argv[3:])


if __name__ == "__main__":
    main()
