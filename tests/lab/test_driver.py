# SPDX-License-Identifier: LGPL-2.1-or-later
"""gwvgpu by itself: its types, its budget, its engine."""

import errno
import os
import re
import threading
import time
import uuid

from . import uapi, vgpus
from .cases import VgpuCase

MIB = 1 << 20


class Types(VgpuCase):
    """What mdev's sysfs says."""

    def test_parents(self):
        self.assertEqual(vgpus.parents(), ["gwvgpu0", "gwvgpu1", "gwvgpu2", "gwvgpu3"])

    def test_files_of_a_type(self):
        self.assertEqual(vgpus.read(vgpus.of_type(63), "name"), "GWVGPU V1-1Q")
        self.assertEqual(vgpus.read(vgpus.of_type(63), "device_api"), "vfio-pci")
        self.assertRegex(vgpus.read(vgpus.of_type(63), "description"),
                         r"^num_heads=4, frl_config=60, framebuffer=16M, max_resolution=\d+x\d+, max_instance=4$")

    def test_create_and_remove(self):
        vgpu = self.vgpu()
        self.assertEqual(os.path.basename(os.readlink(vgpu.path + "/mdev_type")), "gwvgpu-63")
        self.assertEqual(os.path.basename(os.readlink(vgpu.path + "/driver")), "gwvgpu")
        self.assertTrue(os.path.exists("/dev/vfio/" + vgpu.group()))
        self.assertEqual(vgpu.number("vram_bytes"), 16 * MIB)
        vgpu.remove()
        self.assertEqual(vgpus.all_uuids(), [])

    def test_driver_version(self):
        self.assertRegex(vgpus.read("/sys/module/gwvgpu/version"), r"^\d+\.\d+\.\d+$")

    def test_two_builds_of_the_driver(self):
        self.addCleanup(vgpus.reload)
        vgpus.reload(module="../next/gwvgpu.ko")
        self.assertEqual(vgpus.read("/sys/module/gwvgpu/version"), "1.0.1")
        self.assertEqual(self.vgpu().fault_text("driver_version"), "1.0.1")
        self._remove_all()

    def test_params_only_while_unused(self):
        vgpu = self.vgpu()
        vgpu.set("vgpu_params", "enable_uvm=1,frame_rate_limiter=0")
        self.assertEqual(vgpu.get("vgpu_params"), "enable_uvm=1,frame_rate_limiter=0")
        with uapi.Device(vgpu):
            self.assert_errno(errno.EPERM, vgpu.set, "vgpu_params", "")
        self.assert_errno(errno.EINVAL, vgpu.set, "vgpu_params", "x" * 300)


class Budget(VgpuCase):
    """The framebuffer of a parent is shared by all types."""

    def test_types_share_it(self):
        self.assertEqual([vgpus.available(kind) for kind in (62, 63, 64, 65)], [16, 4, 2, 1])
        self.vgpu(63)
        self.assertEqual([vgpus.available(kind) for kind in (62, 63, 64, 65)], [12, 3, 1, 0])
        self.assertEqual(vgpus.available(65, "gwvgpu1"), 1)

    def test_full(self):
        made = [self.vgpu(64), self.vgpu(64)]
        self.assert_errno(errno.ENOSPC, self.vgpu, 62)
        made[0].remove()
        self.vgpu(63)
        self.assertEqual(vgpus.available(63), 1)

    def test_uuid_once_a_host(self):
        name = str(uuid.uuid4())
        self.vgpu(63, "gwvgpu0", name)
        self.assert_errno(errno.EEXIST, self.vgpu, 63, "gwvgpu1", name)

    def test_one_a_parent(self):
        self.addCleanup(vgpus.reload)
        vgpus.reload("per_parent=1", "parents=2", "budget_mib=32")
        self.assertEqual(vgpus.parents(), ["gwvgpu0", "gwvgpu1"])
        self.assertEqual([vgpus.available(kind) for kind in (62, 63, 64, 65)], [1, 1, 1, 0])
        self.vgpu(63)
        self.assert_errno(errno.ENOSPC, self.vgpu, 63)
        self._remove_all()


class Device(VgpuCase):
    """The PCI device, and the engine behind it."""

    def test_nothing_can_be_mapped(self):
        with uapi.Device(self.vgpu()) as device:
            self.assertEqual(device.region(uapi.BAR0), (3, 4096))
            self.assertEqual(device.region(uapi.BAR2), (3, 16 * MIB))
            self.assertEqual(device.region(1), (0, 0))

    def test_bar_sizing(self):
        with uapi.Device(self.vgpu()) as device:
            device.write(uapi.CONFIG, 0x18, b"\xff" * 8)
            self.assertEqual(device.read(uapi.CONFIG, 0x18, 8).hex(), "0c0000ffffffffff")
            device.write(uapi.CONFIG, 0x00, b"\x00\x00")
            self.assertEqual(device.read(uapi.CONFIG, 0x00, 4).hex(), "77673f01")

    def test_window_is_vram(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu) as device:
            blank = vgpu.get("vram_checksum")
            device.write(uapi.BAR2, 5 * MIB + 3, b"godwit says hello")
            self.assertEqual(device.read(uapi.BAR2, 5 * MIB + 3, 17), b"godwit says hello")
            self.assertEqual(vgpu.number("used_bytes"), 4096)
            self.assertNotEqual(vgpu.get("vram_checksum"), blank)
            device.write(uapi.BAR2, 5 * MIB + 3, bytes(17))
            self.assertEqual(vgpu.get("vram_checksum"), blank)

    def test_outside_of_a_region(self):
        with uapi.Device(self.vgpu()) as device:
            self.assert_errno(errno.EINVAL, device.read, uapi.BAR2, 16 * MIB, 4)
            self.assert_errno(errno.EINVAL, device.read, 1, 0, 4)
            self.assertEqual(len(device.read(uapi.CONFIG, 250, 100)), 6)

    def test_engine_writes_at_its_rate(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu):
            before = vgpu.get("vram_checksum")
            begun = time.monotonic()
            vgpu.set("dirty_rate", 4 * MIB)
            time.sleep(2.0)
            written, seconds = vgpu.number("dirtied_bytes"), time.monotonic() - begun
            self.assertNotEqual(vgpu.get("vram_checksum"), before)
            self.assertAlmostEqual(written / seconds, 4 * MIB, delta=1 * MIB)
            vgpu.set("dirty_rate", 0)
            time.sleep(0.1)
            before = vgpu.get("vram_checksum")
            time.sleep(0.2)
            self.assertEqual(vgpu.get("vram_checksum"), before)

    def test_working_set(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu):
            vgpu.set("working_set", 64 * 1024)
            vgpu.set("dirty_rate", 8 * MIB)
            time.sleep(0.5)
            self.assertEqual(vgpu.number("used_bytes"), 64 * 1024)
            self.assertGreater(vgpu.number("dirtied_bytes"), 64 * 1024)

    def test_reset_blanks(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu) as device:
            blank = vgpu.get("vram_checksum")
            vgpu.set("fill", 7)
            self.assertEqual(vgpu.number("used_bytes"), 16 * MIB)
            device.reset()
            self.assertEqual(vgpu.get("vram_checksum"), blank)
            self.assertEqual(vgpu.number("resets"), 1)

    def test_next_user_finds_nothing(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu):
            blank = vgpu.get("vram_checksum")
            vgpu.set("fill", 7)
        self.assertNotEqual(vgpu.get("vram_checksum"), blank)
        with uapi.Device(vgpu):
            self.assertEqual(vgpu.get("vram_checksum"), blank)

    def test_one_user(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu):
            self.assert_errno(errno.EBUSY, uapi.Device, vgpu)

    def test_nonsense_in_sysfs(self):
        vgpu = self.vgpu()
        for name, text in (("dirty_rate", "fast"), ("dirty_rate", "-1"), ("dirty_rate", 1 << 50),
                           ("fill", ""), ("fill", "1 99999999999"), ("dma", "0x1000"), ("dma", "0 256")):
            with self.subTest(name=name, text=text):
                self.assert_errno(errno.EINVAL, vgpu.set, name, text)
        for name, text in (("fail_arc", "running"), ("fail_arc", "here>there"), ("read_error", "much")):
            with self.subTest(name=name, text=text):
                self.assert_errno(errno.EINVAL, vgpu.fault, name, text)


class Remove(VgpuCase):
    """How long a removal takes."""

    def removal(self, vgpu):
        thread = threading.Thread(target=vgpu.remove)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def test_waits_for_the_user(self):
        vgpu = self.vgpu()
        with uapi.Device(vgpu):
            thread = self.removal(vgpu)
            thread.join(0.5)
            self.assertTrue(thread.is_alive())
        thread.join(15)
        self.assertFalse(thread.is_alive())
        self.assertEqual(vgpus.available(63), 4)

    def test_block_remove_until_lifted(self):
        vgpus.parent_fault("gwvgpu0", "block_remove", 60000)
        self.addCleanup(vgpus.parent_fault, "gwvgpu0", "block_remove", 0)
        thread = self.removal(self.vgpu())
        thread.join(0.5)
        self.assertTrue(thread.is_alive())
        vgpus.parent_fault("gwvgpu0", "block_remove", 0)
        thread.join(15)
        self.assertFalse(thread.is_alive())

    def test_block_remove_for_a_time(self):
        vgpus.parent_fault("gwvgpu0", "block_remove", 300)
        self.addCleanup(vgpus.parent_fault, "gwvgpu0", "block_remove", 0)
        vgpu = self.vgpu()
        begun = time.monotonic()
        vgpu.remove()
        self.assertGreater(time.monotonic() - begun, 0.25)

    def test_unload_is_clean(self):
        self.vgpu().remove()
        for _ in range(3):
            vgpus.reload()
        self.assertEqual(len(vgpus.parents()), 4)
        self.assertTrue(re.match(r"gwvgpu \d+ 0 ", next(
            line for line in open("/proc/modules", encoding="ascii") if line.startswith("gwvgpu "))))
