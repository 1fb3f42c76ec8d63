# SPDX-License-Identifier: LGPL-2.1-or-later
"""What runs out is told in words, before anything starts; and a lost terminal ends a migration in order."""

import os
import resource
import signal
import socket
import time
import unittest

from .lab import CANCELLED, INCOMPATIBLE, Lab, RUNS_ON_DESTINATION, SLOWLY

HELLO = b'{"type":"hello","id":1,"versions":[1,1],"timeout_ms":600000}\n'


class DescriptorsTest(unittest.TestCase):
    def test_qemu_has_too_few(self):
        """A limit that was lowered after QEMU's start is found by the plan, and nothing is touched."""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            resource.prlimit(lab.source.pid(), resource.RLIMIT_NOFILE, (64, 64))
            migrate = lab.start_migrate("--channels", "64")
            self.assertEqual(migrate.wait(60), INCOMPATIBLE, migrate.err)
            self.assertRegex(migrate.err + migrate.out, "64 channels need .* descriptors")
            lab.check_stayed(10)

    def test_agent_has_too_few(self):
        """An agent without descriptors refuses in words, and takes connections again when it has some."""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            resource.prlimit(lab.agent.pid, resource.RLIMIT_NOFILE, (40, 4096))
            held = [socket.create_connection(("127.0.0.1", lab.agent_port)) for _ in range(60)]
            for one in held:
                try:
                    one.sendall(HELLO)
                except OSError:
                    pass  # refused already
            migrate = lab.start_migrate()
            self.assertNotEqual(migrate.wait(60), RUNS_ON_DESTINATION)
            self.assertTrue(lab.agent.is_alive(), lab.agent.err)
            lab.wait_agent_says("too few descriptors")
            for one in held:
                one.close()
            resource.prlimit(lab.agent.pid, resource.RLIMIT_NOFILE, (4096, 4096))
            time.sleep(1)
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)


class HangUpTest(unittest.TestCase):
    def test_migrate_cancels(self):
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            migrate = lab.start_migrate(*SLOWLY)
            lab.wait_flow(migrate)
            migrate.signal(signal.SIGHUP)
            self.assertEqual(migrate.wait(60), CANCELLED, migrate.err)
            lab.check_stayed(10)

    def test_agent_ends_in_order(self):
        """The terminal of `godwit receive` is lost in mid-migration: the guest stays at the source."""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_receiver()
            migrate = lab.start_migrate(*SLOWLY)
            lab.wait_flow(migrate)
            lab.agent.signal(signal.SIGHUP)
            self.assertGreater(migrate.wait(60), 0)
            self.assertGreater(lab.agent.wait(30), 0)
            lab.check_stayed(10)


class OutputTest(unittest.TestCase):
    def test_full_disk_is_told(self):
        """--events on a full device: the guest moves, and the loss is told."""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            migrate = lab.start_migrate("--events", "/dev/full")
            self.assertEqual(migrate.wait(60), RUNS_ON_DESTINATION, migrate.err)
            self.assertIn("No space left", migrate.err)
            lab.wait_runs_only_on(lab.destination)

    def test_report_to_a_fifo(self):
        """A FIFO stays one, and its reader gets the report."""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            fifo = os.path.join(lab.folder, "fifo")
            os.mkfifo(fifo)
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            migrate = lab.start_migrate("--report", fifo)
            self.assertEqual(migrate.wait(60), RUNS_ON_DESTINATION, migrate.err)
            self.assertTrue(os.read(reader, 100).startswith(b"{"))
            os.close(reader)
