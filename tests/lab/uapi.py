# SPDX-License-Identifier: LGPL-2.1-or-later
"""VFIO as a program sees it: a device opened through its group, and the migration calls on it."""

import contextlib
import ctypes
import errno
import fcntl
import os
import struct

RUNNING, STOP, STOP_COPY, RESUMING = 2, 1, 3, 4
RUNNING_P2P, PRE_COPY, PRE_COPY_P2P = 5, 6, 7
HAS_STOP_COPY, HAS_P2P, HAS_PRE_COPY = 1, 2, 4

SET_CONTAINER, SET_IOMMU, GET_DEVICE_FD = 0x3b68, 0x3b66, 0x3b6a
GET_REGION_INFO, RESET, FEATURE, GET_PRECOPY_INFO = 0x3b6c, 0x3b6f, 0x3b75, 0x3b79
TYPE1V2 = 3
GET, SET = 1 << 16, 1 << 17
MIGRATION, DEVICE_STATE, DATA_SIZE = 1, 2, 9
BAR0, BAR2, CONFIG = 0, 2, 7


class Device:
    """A vGPU that we have open, as QEMU would have."""

    def __init__(self, vgpu):
        with contextlib.ExitStack() as undo:
            self._container = os.open("/dev/vfio/vfio", os.O_RDWR)
            undo.callback(os.close, self._container)
            self._group = os.open("/dev/vfio/" + vgpu.group(), os.O_RDWR)
            undo.callback(os.close, self._group)
            fcntl.ioctl(self._group, SET_CONTAINER, struct.pack("i", self._container))
            fcntl.ioctl(self._container, SET_IOMMU, TYPE1V2)
            self.fd = fcntl.ioctl(self._group, GET_DEVICE_FD, ctypes.create_string_buffer(vgpu.uuid.encode()))
            undo.callback(os.close, self.fd)
            self._undo = undo.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _feature(self, number, operation, data):
        buffer = bytearray(struct.pack("II", 8 + len(data), number | operation) + data)
        fcntl.ioctl(self.fd, FEATURE, buffer)
        return bytes(buffer[8:])

    def flags(self):
        return struct.unpack("Q", self._feature(MIGRATION, GET, bytes(8)))[0]

    def state(self):
        return struct.unpack("Ii", self._feature(DEVICE_STATE, GET, bytes(8)))[0]

    def set_state(self, state):
        """Changes the state; the data descriptor, or -1."""
        return struct.unpack("Ii", self._feature(DEVICE_STATE, SET, struct.pack("Ii", state, -1)))[1]

    def data_size(self):
        return struct.unpack("Q", self._feature(DATA_SIZE, GET, bytes(8)))[0]

    def reset(self):
        fcntl.ioctl(self.fd, RESET)

    def read(self, region, at, size):
        return os.pread(self.fd, size, (region << 40) + at)

    def write(self, region, at, data):
        return os.pwrite(self.fd, data, (region << 40) + at)

    def region(self, number):
        """(flags, size) of a region."""
        buffer = bytearray(struct.pack("IIIIQQ", 32, 0, number, 0, 0, 0))
        fcntl.ioctl(self.fd, GET_REGION_INFO, buffer)
        _, flags, _, _, size, _ = struct.unpack("IIIIQQ", buffer)
        return flags, size


def precopy_info(fd):
    """(initial_bytes, dirty_bytes) of a data descriptor."""
    buffer = bytearray(struct.pack("IIQQ", 24, 0, 0, 0))
    fcntl.ioctl(fd, GET_PRECOPY_INFO, buffer)
    return struct.unpack("IIQQ", buffer)[2:]


def drain(fd, step=1 << 20):
    """All that can be read now, and how it ended: 0 for the end, or the errno."""
    parts = []
    while True:
        try:
            data = os.read(fd, step)
        except OSError as error:
            return b"".join(parts), error.errno
        if not data:
            return b"".join(parts), 0
        parts.append(data)


def write_all(fd, data, step=1 << 20):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:step]):]


def save(device):
    """Stops a running device; the whole image."""
    fd = device.set_state(STOP_COPY)
    try:
        data, why = drain(fd)
        if why != 0:
            raise OSError(why, "reading the image: " + errno.errorcode[why])
        return data
    finally:
        os.close(fd)


def load(device, image, step=1 << 20):
    """Gives an image to a device, which then stands in STOP; the kernel's verdict is the last call's."""
    fd = device.set_state(RESUMING)
    try:
        write_all(fd, image, step)
        device.set_state(STOP)
    finally:
        os.close(fd)
