# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between two VMs whose drivers are of different versions. `scripts/lab test --other-driver`."""

from . import vgpus
from .pair_moves import PairCase
from .two_hosts import INCOMPATIBLE


class Refused(PairCase):
    """Nothing is made there, and the guest runs on here."""

    def test_versions_differ(self):
        self.pair(62)
        self.fill()
        self.note()
        ours, theirs = vgpus.read("/sys/module/gwvgpu/version"), self.target.driver_version()
        self.assertNotEqual(ours, theirs)
        words = "gpu0: the driver's version is '%s' on the source and '%s' on the destination" % (ours, theirs)
        code, output, report = self.migrate()
        self.assertEqual(code, INCOMPATIBLE, output)
        self.assertIn(words, output)
        self.assertIn("load the same driver version on both hosts", output)
        self.assertEqual(report["vm_runs_on"], "source")
        self.assert_stayed()
        code, output = self.check()
        self.assertEqual(code, INCOMPATIBLE, output)
        self.assertIn(words, output)
        self.assert_stayed()
