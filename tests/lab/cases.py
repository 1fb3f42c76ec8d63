# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the lab's tests share: vGPUs that are gone after the test, and a kernel log without a complaint."""

import subprocess
import unittest

from . import vgpus

COMPLAINTS = ("WARNING:", "BUG:", "Oops", "Call Trace", "blocked for more than", "general protection")


def kernel_log():
    return subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout.splitlines()


class VgpuCase(unittest.TestCase):
    """Ends with no vGPU left, no fault set, and nothing wrong in the kernel's log."""

    def setUp(self):
        self._log = len(kernel_log())
        self.addCleanup(self._check_kernel)
        self.addCleanup(self._remove_all)

    def vgpu(self, kind=63, parent="gwvgpu0", name=None):
        return vgpus.Vgpu(kind, parent, name)

    def _remove_all(self):
        for uuid in vgpus.all_uuids():
            vgpus.write(1, vgpus.DEVICES, uuid, "remove")

    def _check_kernel(self):
        wrong = [line for line in kernel_log()[self._log:] if any(word in line for word in COMPLAINTS)]
        self.assertEqual(wrong, [], "the kernel complains")

    def assert_errno(self, number, call, *arguments):
        with self.assertRaises(OSError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.errno, number, caught.exception)
