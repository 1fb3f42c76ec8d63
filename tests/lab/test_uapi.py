# SPDX-License-Identifier: LGPL-2.1-or-later
"""gwvgpu's migration, call by call, as VFIO's uAPI has it. No QEMU takes part."""

import contextlib
import errno
import os
import time

from . import uapi, vgpus
from .cases import VgpuCase

MIB = 1 << 20
ALL = uapi.HAS_STOP_COPY | uapi.HAS_P2P | uapi.HAS_PRE_COPY


class Pair(VgpuCase):
    """Two vGPUs of a type, both open, the first with a full vRAM."""

    kind = 62

    def setUp(self):
        super().setUp()
        undo = contextlib.ExitStack()
        self.addCleanup(undo.close)
        self.source, self.target = self.vgpu(self.kind), self.vgpu(self.kind, "gwvgpu1")
        self.saver = undo.enter_context(uapi.Device(self.source))
        self.loader = undo.enter_context(uapi.Device(self.target))
        self.source.set("fill", 12345)

    def assert_same(self):
        """The target has what the source had when it stopped, and the driver's own word for it agrees."""
        self.assertEqual(self.target.get("vram_checksum"), self.source.get("vram_checksum"))
        self.assertEqual(self.target.get("load_checksum"), self.source.get("stop_checksum"))


class Moves(Pair):
    """Images that arrive."""

    def test_stop_copy_alone(self):
        uapi.load(self.loader, uapi.save(self.saver))
        self.assert_same()

    def test_a_byte_at_a_time_is_no_different(self):
        self.saver.reset()
        self.source.set("fill", "5 8192")
        uapi.load(self.loader, uapi.save(self.saver), step=1)
        self.assert_same()
        self.assertEqual(self.target.number("used_bytes"), 8192)

    def test_unused_vram_is_not_sent(self):
        self.saver.reset()
        self.source.set("fill", "5 8192")
        self.assertLess(len(uapi.save(self.saver)), 8192 + 1024)

    def test_precopy(self):
        fd = self.saver.set_state(uapi.PRE_COPY)
        self.addCleanup(os.close, fd)
        self.assertEqual(uapi.precopy_info(fd), (4 * MIB + 64, 0))
        first, why = uapi.drain(fd)
        self.assertEqual(why, errno.ENOMSG)
        self.assertGreater(len(first), 4 * MIB)
        self.assertEqual(uapi.precopy_info(fd), (0, 0))
        self.source.set("fill", "99 65536")
        self.assertEqual(uapi.precopy_info(fd), (0, 65536))
        self.assertEqual(self.source.number("remaining_bytes"), 65536)
        self.saver.set_state(uapi.PRE_COPY_P2P)
        size = self.saver.data_size()
        self.assertEqual(self.saver.set_state(uapi.STOP_COPY), -1)
        last, why = uapi.drain(fd)
        self.assertEqual(why, 0)
        self.assertLessEqual(len(last), size)
        self.assertGreater(len(last), 65536)
        uapi.load(self.loader, first + last)
        self.assert_same()

    def test_precopy_while_written(self):
        self.source.set("dirty_rate", 8 * MIB)
        fd = self.saver.set_state(uapi.PRE_COPY)
        self.addCleanup(os.close, fd)
        image = b""
        for _ in range(5):
            image += uapi.drain(fd)[0]
            time.sleep(0.1)
        self.saver.set_state(uapi.STOP_COPY)
        image += uapi.drain(fd)[0]
        self.assertGreater(len(image), 4 * MIB + 500 * 1024)
        uapi.load(self.loader, image)
        self.assert_same()
        self.assertEqual(self.target.number("dirty_rate"), 8 * MIB)
        dirtied = self.source.number("dirtied_bytes")
        self.loader.set_state(uapi.RUNNING)
        time.sleep(0.3)
        self.assertGreater(self.target.number("dirtied_bytes"), dirtied)

    def test_abort_of_a_precopy(self):
        fd = self.saver.set_state(uapi.PRE_COPY)
        os.read(fd, 1000)
        self.saver.set_state(uapi.RUNNING)
        self.assert_errno(errno.ENODEV, os.read, fd, 1000)
        os.close(fd)
        uapi.load(self.loader, uapi.save(self.saver))
        self.assert_same()

    def test_stopped_is_stopped(self):
        self.source.set("dirty_rate", 8 * MIB)
        time.sleep(0.1)
        self.saver.set_state(uapi.STOP)
        before = self.source.get("vram_checksum")
        time.sleep(0.2)
        self.assertEqual(self.source.get("vram_checksum"), before)
        self.assertEqual(self.source.get("stop_checksum"), before)
        self.assert_errno(errno.EBUSY, self.source.set, "fill", 1)
        self.saver.set_state(uapi.RUNNING_P2P)
        time.sleep(0.2)
        self.assertNotEqual(self.source.get("vram_checksum"), before)

    def test_file_outlives_the_device(self):
        source = self.vgpu(self.kind)
        with uapi.Device(source) as device:
            fd = device.set_state(uapi.STOP_COPY)
        self.addCleanup(os.close, fd)
        source.remove()
        self.assert_errno(errno.ENODEV, os.read, fd, 1000)

    def test_info_outside_of_precopy(self):
        fd = self.saver.set_state(uapi.STOP_COPY)
        self.addCleanup(os.close, fd)
        self.assert_errno(errno.EINVAL, uapi.precopy_info, fd)

    def test_arcs_that_are_not(self):
        os.close(self.saver.set_state(uapi.STOP_COPY))
        self.assert_errno(errno.EINVAL, self.saver.set_state, uapi.PRE_COPY)
        self.assertEqual(self.saver.state(), uapi.STOP_COPY)


class Images(Pair):
    """Images that do not arrive: refused at once, or when the device leaves RESUMING."""

    def load_errno(self, number, image):
        self.assert_errno(number, uapi.load, self.loader, image)
        self.loader.reset()
        self.assertEqual(self.loader.state(), uapi.RUNNING)

    def test_garbage(self):
        self.load_errno(errno.EINVAL, os.urandom(4096))

    def test_nothing(self):
        self.load_errno(errno.EINVAL, b"")

    def test_cut_off(self):
        image = uapi.save(self.saver)
        for length in (10, 64, 70, 5000, len(image) - 64, len(image) - 1):
            with self.subTest(length=length):
                self.load_errno(errno.EINVAL, image[:length])

    def test_too_long(self):
        self.load_errno(errno.EINVAL, uapi.save(self.saver) + b"x")

    def test_damaged(self):
        image = bytearray(uapi.save(self.saver))
        # In a chunk: structure is another test's.
        image[64 + 16 + 5000] ^= 1
        self.load_errno(errno.EINVAL, bytes(image))

    def test_chunk_that_is_not_there(self):
        image = bytearray(uapi.save(self.saver))
        image[64 + 4:64 + 8] = (1 << 31).to_bytes(4, "little")
        self.load_errno(errno.EINVAL, bytes(image))

    def test_other_type(self):
        other = self.vgpu(63, "gwvgpu2")
        with uapi.Device(other) as device:
            self.assert_errno(errno.EINVAL, uapi.load, device, uapi.save(self.saver))

    def test_other_driver(self):
        self.target.fault("driver_version", "1.0.1")
        self.load_errno(errno.EINVAL, uapi.save(self.saver))


class Faults(Pair):
    """Each fault at the uAPI; what QEMU does with it is in test_plain."""

    def with_fault(self, name, value):
        """A new vGPU of a parent that has the fault."""
        vgpus.parent_fault("gwvgpu2", name, value)
        self.addCleanup(vgpus.parent_fault, "gwvgpu2", name, 0)
        return self.vgpu(self.kind, "gwvgpu2")

    def test_no_migration(self):
        with uapi.Device(self.with_fault("no_migration", 1)) as device:
            self.assert_errno(errno.ENOTTY, device.flags)

    def test_no_precopy(self):
        with uapi.Device(self.with_fault("no_precopy", 1)) as device:
            self.assertEqual(device.flags(), ALL & ~uapi.HAS_PRE_COPY)
            self.assert_errno(errno.EINVAL, device.set_state, uapi.PRE_COPY)

    def test_no_p2p(self):
        vgpu = self.with_fault("no_p2p", 1)
        with uapi.Device(vgpu) as device:
            self.assertEqual(device.flags(), ALL & ~uapi.HAS_P2P)
            vgpu.set("fill", 3)
            uapi.load(self.loader, uapi.save(device))
            self.assertEqual(self.target.get("vram_checksum"), vgpu.get("vram_checksum"))

    def test_no_data_size(self):
        with uapi.Device(self.with_fault("no_data_size", 1)) as device:
            self.assert_errno(errno.ENOTTY, device.data_size)

    def test_without_faults(self):
        self.assertEqual(self.saver.flags(), ALL)
        self.assertGreater(self.saver.data_size(), 4 * MIB)

    def test_fail_arc_once(self):
        self.source.fault("fail_arc", "running>pre-copy")
        self.assert_errno(errno.EIO, self.saver.set_state, uapi.PRE_COPY)
        self.assertEqual(self.saver.state(), uapi.RUNNING)
        os.close(self.saver.set_state(uapi.PRE_COPY))

    def test_read_error_where_told(self):
        self.source.fault("after_bytes", MIB)
        self.source.fault("read_error", errno.EREMOTEIO)
        fd = self.saver.set_state(uapi.STOP_COPY)
        self.addCleanup(os.close, fd)
        data, why = uapi.drain(fd, 256 * 1024)
        self.assertEqual((len(data), why), (MIB, errno.EREMOTEIO))

    def test_load_error(self):
        self.target.fault("load_error", errno.ENOSPC)
        self.assert_errno(errno.ENOSPC, uapi.load, self.loader, uapi.save(self.saver))

    def test_slow_read(self):
        self.saver.reset()
        self.source.set("fill", "1 524288")
        self.source.fault("slow_read", MIB)
        begun = time.monotonic()
        uapi.load(self.loader, uapi.save(self.saver))
        self.assertGreater(time.monotonic() - begun, 0.45)
        self.assert_same()

    def test_refuse_image_once(self):
        image = uapi.save(self.saver)
        self.target.fault("refuse_image", 1)
        self.assert_errno(errno.EINVAL, uapi.load, self.loader, image)
        self.loader.reset()
        uapi.load(self.loader, image)
        self.assert_same()

    def test_of_a_device_in_use(self):
        self.assert_errno(errno.EBUSY, self.source.fault, "no_precopy", 1)
