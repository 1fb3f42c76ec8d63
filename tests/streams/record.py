#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records migrations of real QEMUs for the tests of the stream parser.

usage: record.py FOLDER [NAME...]   without a NAME all that this host can make (vGPUs: in the lab's VM)
       record.py --list

A recording is a folder of what went over each connection, compressed, and expected.json: QEMU's own numbers. Of some
that are made again tests/data/analyzed-streams.json changes too: it has what QEMU's scripts/analyze-migration.py finds.
"""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from tests.streams import machine, wire  # noqa: E402 (the path first)

PASSES = 3
SLOW_BYTES_PER_S = 256 << 10
MULTIFD = {"capabilities": ["multifd"], "parameters": {"multifd_channels": 2}}

# name: QEMU, and what differs from a plain migration.
PLAIN = {
    "7.2": {},
    "7.2-multifd": MULTIFD,
    "7.2-xbzrle": {"capabilities": ["xbzrle"]},
    "7.2-compress": {"capabilities": ["compress"]},
    "10.0": {},
    "10.0-multifd": MULTIFD,
    "10.0-multifd-zlib": {"capabilities": ["multifd"],
                          "parameters": {"multifd_channels": 2, "multifd_compression": "zlib"}},
    "10.0-multifd-legacy": {"capabilities": ["multifd"],
                            "parameters": {"multifd_channels": 2, "zero_page_detection": "legacy"}},
    "10.0-ignore-shared": {"capabilities": ["x-ignore-shared"], "shared": True},
    "11.1": {},
    "11.1-multifd": MULTIFD,
    "11.1-paused": {"paused": True},
}

# In the lab: the types of the vGPUs too.
VGPU = {
    "vgpu": {"vgpus": [62]},
    "vgpu-dirty": {"vgpus": [62], "rate": 16 << 10},
    "vgpus": {"vgpus": [62, 63], "rate": 16 << 10},
    "vgpu-no-precopy": {"vgpus": [62], "faults": {"no_precopy": 1}},
    "vgpu-ack": {"vgpus": [62], "capabilities": ["switchover-ack"]},
    "vgpus-multifd": {"vgpus": [62, 63], "rate": 16 << 10, "multifd_transfer": True, **MULTIFD},
    "vgpu-multifd-no-precopy": {"vgpus": [62], "faults": {"no_precopy": 1}, "multifd_transfer": True, **MULTIFD},
}
LAB = {"%s-%s" % (version, name): settings for version in ("10.0", "11.1") for name, settings in VGPU.items()}
ALL = {**PLAIN, **LAB}

# Little, for it does not compress.
VRAM_USED_BYTES = 16 << 10
VRAM_WORKING_BYTES = 8 << 10


def qemu_of(name):
    """The binary for a recording: of this machine, or one that scripts/qemu-root has put into the cache."""
    version = name.split("-")[0]
    if version == "7.2":
        return "qemu-system-x86_64"
    return os.path.join(os.environ.get("GODWIT_CACHE", "/var/cache/godwit"), "bin", "qemu-" + version)


def vfio_options(devices, settings):
    options = ["-machine", "q35"]
    more = ",x-migration-multifd-transfer=on" if settings.get("multifd_transfer") else ""
    for number, device in enumerate(devices):
        options += ["-device", "vfio-pci,id=gpu%d,addr=%d,sysfsdev=%s,enable-migration=on%s"
                    % (number, 8 + number, device.path, more)]
    return options


def machine_options(folder, settings):
    """Of a machine without vGPUs: with memory of its own in a file, or not."""
    if not settings.get("shared"):
        return ["-machine", "q35"]
    memory = "memory-backend-file,id=ram,share=on,size=%dk,mem-path=%s" % (machine.RAM_KIB, folder)
    return ["-machine", "q35,memory-backend=ram", "-object", memory]


def make_vgpus(parent, settings):
    from tests.lab import vgpus
    for name, value in settings.get("faults", {}).items():
        vgpus.parent_fault(parent, name, value)
    made = [vgpus.Vgpu(kind, parent) for kind in settings["vgpus"]]
    for name in settings.get("faults", {}):
        vgpus.parent_fault(parent, name, 0)
    return made


def set_to_work(devices, settings):
    for number, device in enumerate(devices):
        device.set("fill", "%d %d" % (1000 + number, VRAM_USED_BYTES))
        device.set("working_set", VRAM_WORKING_BYTES)
        device.set("dirty_rate", settings.get("rate", 0))


def migrate(name, settings, source_options, target_options, devices=()):
    """Runs one; QEMU's version, its last numbers and the channels."""
    with machine.Migration(qemu_of(name), source_options, target_options) as move:
        set_to_work(devices, settings)
        if settings.get("paused"):
            move.source.qmp.command("stop", machine.PATIENCE_S)
        move.prepare(settings.get("capabilities", []), settings.get("parameters", {}))
        move.source.qmp.command("migrate-set-parameters", machine.PATIENCE_S, downtime_limit=1,
                                max_bandwidth=SLOW_BYTES_PER_S)
        move.begin()
        if not settings.get("paused"):
            move.wait_passes(PASSES)
        version = move.source.qmp.command("query-version", machine.PATIENCE_S)["qemu"]
        info, channels = move.finish()
        return "%(major)d.%(minor)d.%(micro)d" % version, info, channels


def migrate_with_vgpus(name, settings):
    sources, targets = [make_vgpus(parent, settings) for parent in ("gwvgpu0", "gwvgpu1")]
    try:
        return migrate(name, settings, vfio_options(sources, settings), vfio_options(targets, settings), sources)
    finally:
        for device in sources + targets:
            device.remove()


def record(folder, name):
    """One recording, from its begin to its files."""
    settings = ALL[name]
    if "vgpus" in settings:
        version, info, channels = migrate_with_vgpus(name, settings)
    else:
        with tempfile.TemporaryDirectory() as shared:
            options = [machine_options(os.path.join(shared, "ram"), settings) for _ in range(2)]
            version, info, channels = migrate(name, settings, *options)
    expected = {"qemu": version, "ram_transferred": info["ram"]["transferred"],
                "ram_total": info["ram"]["total"],
                "pages": info["ram"]["normal"], "zero_pages": info["ram"]["duplicate"],
                "vfio_transferred": info.get("vfio", {}).get("transferred", 0),
                "vgpus": len(settings.get("vgpus", []))}
    wire.write(channels, os.path.join(folder, name), expected)
    return sum(len(channel.sent) for channel in channels)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(ALL))
        return 0
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    names = sys.argv[2:] or (LAB if os.path.exists("/sys/class/mdev_bus") else PLAIN)
    for name in names:
        print("%-28s %8d bytes" % (name, record(sys.argv[1], name)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
