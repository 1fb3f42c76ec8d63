# SPDX-License-Identifier: LGPL-2.1-or-later
"""The numbers of each vGPU, held against the driver's own: what it was read of, and what it has left."""

import time
import uuid as uuids

from .two_hosts import MIB, GodwitCase

# What had been read of each vGPU when the guest was stopped.
SENT = ('if [ "$GODWIT_PHASE" = switchover ]; then for d in /sys/bus/mdev/devices/*; do '
        'echo "$(basename $d) $(cat $d/gwvgpu/sent_bytes)"; done > %s/sent; fi')


class AccountCase(GodwitCase):
    """A migration whose source is kept, so that its driver can be asked afterwards."""

    def move(self, *kinds, options=("--account",), rate=0, **more):
        self.names = [str(uuids.uuid4()) for _ in kinds]
        self.lab(*kinds, uuids=self.names, **more)
        self.fill(rate)
        if rate:
            time.sleep(0.5)
        code, output, self.report = self.migrate("--keep-source", "--downtime-limit", "60s", *options,
                                                   hook=SENT % self.folder)
        self.assertEqual(code, 0, output)

    def sent_at_stop(self):
        with open(self.folder + "/sent", encoding="ascii") as file:
            return {name: int(sent) for name, sent in (line.split() for line in file)}

    def doubts(self):
        return [event["data"]["message"] for event in self.report["events"] if event["event"] == "doubt"]

    def vgpus(self):
        """The report's, by their place in the VM file."""
        return [next(vgpu for vgpu in self.report["vgpus"] if vgpu["id"] == "gpu%d" % number)
                for number in range(len(self.names))]

    def assert_exact(self, source, more=0):
        """Each vGPU's bytes are those that its driver was read of, before the stop and after it; MORE: what multifd
        adds to each."""
        before = self.sent_at_stop()
        for name, vgpu in zip(self.names, self.vgpus()):
            sent = int(self.source.get(name, "sent_bytes"))
            self.assertEqual(vgpu["source"], source)
            self.assertEqual(vgpu["precopy_bytes"], before[name])
            self.assertEqual(vgpu["stop_copy_bytes"], sent - before[name] + more)
            self.assertEqual(vgpu["transferred_bytes"], sent + more)
        self.assertEqual(self.doubts(), [])


class Sent(AccountCase):
    """What was sent of each vGPU."""

    def test_one(self):
        self.move(63, rate=MIB)
        self.assert_exact("stream")

    def test_two(self):
        self.move(63, 62, rate=512 * 1024)
        self.assert_exact("stream")

    def test_three_without_precopy(self):
        self.both_fault("no_precopy", 1)
        self.move(62, 62, 62)
        self.assert_exact("stream")
        self.assertEqual([vgpu["precopy_bytes"] for vgpu in self.vgpus()], [0, 0, 0])

    def test_multifd(self):
        """What is sent after the stop goes through the channels of multifd, with twelve bytes before each packet; and
        QEMU counts the PCI configuration then."""
        self.move(62, 62, rate=64 * 1024, options=("--account", "--channels", "2"))
        self.assert_exact("stream", more=2 * 12 + 292)

    def test_two_over_multifd(self):
        self.move(62, 62, rate=64 * 1024, options=("--account", "--channels", "2"))
        self.assert_exact("stream", more=2 * 12 + 292)

    def test_one_without_stream(self):
        self.move(62, rate=512 * 1024, options=())
        self.assert_exact("qemu")

    def test_two_without_stream(self):
        """QEMU counts them together: nobody knows how much is whose."""
        self.move(62, 62, options=())
        for vgpu in self.vgpus():
            for name in ("transferred_bytes", "precopy_bytes", "stop_copy_bytes"):
                self.assertNotIn(name, vgpu)
