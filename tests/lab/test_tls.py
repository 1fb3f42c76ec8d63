# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS by the kernel, which the test machine's own cannot do: the socket itself is QEMU's, and the kernel encrypts.

With no vGPU: in an emulator inside an emulator the kernel's AES does some 1 MB/s on two busy cores.
"""

import subprocess

from tests.live import env, tls

from .two_hosts import BUILD, GodwitCase

# In the VM the binaries are where the host built them.
env.binary = lambda name: "%s/tools/%s" % (BUILD, name)


def kernel_counts():
    """How many connections the kernel has ever taken over, sending and receiving."""
    with open("/proc/net/tls_stat", encoding="ascii") as file:
        counts = dict(line.split() for line in file)
    return int(counts["TlsTxSw"]), int(counts["TlsRxSw"])


class Kernel(GodwitCase):
    """Both hosts have certificates of one authority, and a kernel with its module "tls"."""

    def start(self):
        subprocess.run(["modprobe", "tls"], check=True)
        self.hosts(())
        authority = tls.Authority(self.folder)
        self.tls = {name: authority.host(name, "127.0.0.1") for name in "ab"}
        code, output = self.run_vm()
        self.assertEqual(code, 0, output)
        self.agent = self.target.agent("127.0.0.1:0", ["--tls-dir", self.tls["b"]])
        self.addCleanup(self.stop_agent, self.agent)
        self.address = self.agent.wait_line("listening on", 60)

    def move(self, *options):
        """The report of a move in which every connection was the kernel's at both ends."""
        self.start()
        before = kernel_counts()
        code, output, report = self.migrate("--tls-dir", self.tls["a"], *options, timeout_s=400)
        self.assertEqual(code, 0, output)
        self.assertEqual(report["plan"]["encryption"], "kernel-tls")
        for connection in report["connections"]:
            self.assertEqual(connection["encryption"], "kernel-tls", connection)
            self.assertEqual(connection["encryption_destination"], "kernel-tls", connection)
            self.assertEqual(connection["cipher"], "TLSv1.3 TLS_AES_128_GCM_SHA256")
        # Both hosts are of one kernel: two ends a connection, beside those of the program's own probe.
        for former, now in zip(before, kernel_counts()):
            self.assertGreaterEqual(now - former, 2 * len(report["connections"]))
        self.assert_ticking(self.target)
        self.assert_whole()
        return report

    def test_direct(self):
        report = self.move()
        self.assertEqual([connection["name"] for connection in report["connections"]],
                         ["control", "channel 0"])

    def test_relay(self):
        self.move("--transport", "relay")
