# SPDX-License-Identifier: LGPL-2.1-or-later
"""gwvgpu's vGPUs by their files in sysfs."""

import os
import subprocess
import uuid

PARENTS = "/sys/class/mdev_bus"
DEVICES = "/sys/bus/mdev/devices"


def read(*path):
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read().rstrip("\n")


def write(value, *path):
    with open(os.path.join(*path), "w", encoding="ascii") as file:
        file.write(str(value) + "\n")


def parents():
    return sorted(os.listdir(PARENTS), key=lambda name: int(name.removeprefix("gwvgpu")))


def of_type(kind, parent="gwvgpu0"):
    """The folder of a type, by its number."""
    return os.path.join(PARENTS, parent, "mdev_supported_types", "gwvgpu-%d" % kind)


def available(kind, parent="gwvgpu0"):
    return int(read(of_type(kind, parent), "available_instances"))


def all_uuids():
    return os.listdir(DEVICES)


class Vgpu:
    """One vGPU, made here and removed by remove()."""

    def __init__(self, kind=63, parent="gwvgpu0", name=None):
        self.uuid = name or str(uuid.uuid4())
        write(self.uuid, of_type(kind, parent), "create")
        self.path = os.path.join(DEVICES, self.uuid)

    def get(self, name):
        return read(self.path, "gwvgpu", name)

    def number(self, name):
        return int(self.get(name))

    def set(self, name, value):
        write(value, self.path, "gwvgpu", name)

    def fault(self, name, value):
        write(value, self.path, "fault", name)

    def fault_text(self, name):
        return read(self.path, "fault", name)

    def group(self):
        """The number of its IOMMU group."""
        return os.path.basename(os.readlink(os.path.join(self.path, "iommu_group")))

    def remove(self):
        if os.path.exists(self.path):
            write(1, self.path, "remove")


def parent_fault(parent, name, value):
    """Sets a fault for all vGPUs that PARENT makes later."""
    write(value, PARENTS, parent, "fault", name)


def reload(*parameters, module="gwvgpu.ko"):
    """Unloads the driver and loads it again; it must be unused."""
    if os.path.exists("/sys/module/gwvgpu"):
        subprocess.run(["rmmod", "gwvgpu"], check=True, capture_output=True)
    folder = os.environ["GODWIT_LAB_MODULES"]
    subprocess.run(["insmod", os.path.join(folder, module), *parameters], check=True, capture_output=True)
