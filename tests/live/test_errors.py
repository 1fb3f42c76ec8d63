# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every error that a user can get: its text, godwit's exit code, and that the guest stays where it was."""

import os
import re
import socket
import unittest

from .fakes import FakeServer, answers, closes, line
from .guests import TickGuest
from .lab import FAILED, INCOMPATIBLE, Lab, USAGE
from .qmp import Qmp

MIB = 1 << 20


class SourceTest(unittest.TestCase):
    """What can be wrong on the way from a running guest to an agent."""

    def check(self, lab, code, pattern, *options):
        """Migrates; the exit code and the words must be these, and the guest must not have noticed."""
        migrate = lab.start_migrate(*options)
        self.assertEqual(migrate.wait(60), code, migrate.err)
        self.assertRegex(migrate.err, pattern)
        lab.wait_runs_only_on(lab.source)
        self.assertEqual(lab.journals(), [])
        self.assertIsNone(lab.destination.pid())
        self.assertFalse(os.path.exists(lab.destination.qmp_path))
        lab.check_clock()
        return migrate

    def check_report(self, lab, code, host):
        report = lab.report()
        self.assertEqual((report["error"]["code"], report["error"]["host"]), (code, host))
        self.assertEqual(report["vm_runs_on"], "source")

    def test_monitor_busy(self):
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            other = Qmp(lab.source.qmp_path)
            self.check(lab, FAILED, r"source: monitor '.*/a/qmp': .*another client")
            self.check_report(lab, "monitor", "source")
            other.close()
            lab.migrate()

    def test_no_agent(self):
        with Lab(self.id()) as lab:
            lab.start_source()
            with socket.create_server(("127.0.0.1", 0)) as unused:
                lab.agent_port = unused.getsockname()[1]
            self.check(lab, FAILED, "no agent at 127.0.0.1 port %d: .*refused" % lab.agent_port)
            self.check_report(lab, "unreachable", "destination")

    def bad_agent(self, answer, pattern, code="protocol"):
        with Lab(self.id(), kind="direct") as lab, FakeServer(answer) as fake:
            lab.start_source()
            lab.agent_port = fake.port
            self.check(lab, FAILED, pattern)
            self.check_report(lab, code, "destination")

    def test_agent_garbage(self):
        self.bad_agent(answers(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
                       "control message: not a JSON object")

    def test_agent_oversize_line(self):
        self.bad_agent(answers(b'{"type": "' + b"x" * (2 * MIB)), "too many bytes")

    def test_agent_endless_nesting(self):
        self.bad_agent(answers(b'{"type":' + b"[" * 100000 + b"\n"), "deep")

    def test_agent_closes(self):
        self.bad_agent(closes, "closed|lost", "peer-lost")

    def test_agent_of_another_version(self):
        error = {"code": "protocol", "message": "no version in common"}
        self.bad_agent(answers(line(type="error", id=1, error=error)), "no version in common")

    def test_vm_not_known_there(self):
        with Lab(self.id()) as lab:
            os.remove(lab.destination.vm_file)
            lab.start_source()
            lab.start_agent()
            self.check(lab, FAILED, "destination: .*'vm'")

    def test_qemu_dies_while_starting(self):
        with Lab(self.id()) as lab:
            lab.destination.extra = ["-device", "no-such-device"]
            lab.destination.write_vm_file()
            lab.start_source()
            lab.start_agent()
            self.check(lab, INCOMPATIBLE, "destination-start.*|'no-such-device' is not a valid device")
            self.assertRegex(str(lab.report()["plan"]["issues"]), "'no-such-device' is not a valid device")

    def test_vm_file_with_unknown_key(self):
        with Lab(self.id()) as lab:
            lab.destination.write_vm_file("colour=red\n")
            lab.start_source()
            lab.start_agent()
            self.check(lab, FAILED, r"destination: .*vm\.vm'.*'colour'")
            self.check_report(lab, "vm-file", "destination")

    def test_memory_of_another_size(self):
        with Lab(self.id()) as lab:
            lab.destination.guest = TickGuest(ram_mib=48)
            lab.destination.write_vm_file()
            lab.start_source()
            lab.start_agent()
            self.check(lab, INCOMPATIBLE, "memory|RAM")

    def test_other_machine_type(self):
        with Lab(self.id()) as lab:
            lab.destination.machine = "pc-q35-7.1"
            lab.destination.write_vm_file()
            lab.start_source()
            lab.start_agent()
            self.check(lab, INCOMPATIBLE, "pc-q35-7.2.*pc-q35-7.1|pc-q35-7.1.*pc-q35-7.2")

    def test_stream_that_is_not_understood(self):
        """What no plan can see QEMU notices while it loads: the guest runs on, and QEMU's words are told."""
        with Lab(self.id()) as lab:
            lab.source.extra = ["-global", "migration.send-section-footer=off"]
            lab.source.write_vm_file()
            lab.start_source()
            lab.start_agent()
            self.check(lab, FAILED, "[Ss]ection footer")
            self.check_report(lab, "migration", "source")

    def test_timeout(self):
        """A guest that dirties faster than the wire takes it: exit code 4, and it runs on."""
        with Lab(self.id(), TickGuest(dirty=2000)) as lab:
            lab.start_source()
            lab.start_agent()
            self.check(lab, 4, "converge|time", "--bandwidth", "4MiB", "--timeout", "3s",
                       "--downtime-limit", "10ms")

    def test_hook_says_no(self):
        for where in ("setup", "precopy", "switchover"):
            with Lab(self.id()) as lab:
                lab.start_source()
                lab.start_agent()
                self.check(lab, FAILED, "hook", "--hook", '[ "$GODWIT_PHASE" != %s ]' % where)
                self.check_report(lab, "hook", "source")
                lab.migrate()

    def test_two_at_once(self):
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            hook = lab.hook("source:precopy")
            first = lab.start_migrate("--hook", hook.command)
            hook.wait(first)
            second = lab.start_migrate()
            self.assertEqual(second.wait(60), FAILED, second.err)
            self.assertRegex(second.err, "in use on this host: migrating by process %d" % first.pid)
            hook.go()
            self.assertEqual(first.wait(60), 0, first.err)
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()


class MonitorTest(unittest.TestCase):
    """What stands at the end of --qmp is not what it should be. No QEMU is needed for that."""

    def check(self, lab, path, pattern):
        lab.start_agent()
        code, migrate = lab.godwit("migrate", "--qmp", path, "--to", lab.to,
                                   "--state-dir", lab.source.state_dir)
        self.assertEqual(code, FAILED)
        self.assertRegex(migrate.err, pattern)
        self.assertEqual(lab.journals(), [])

    def test_no_socket(self):
        with Lab(self.id()) as lab:
            path = os.path.join(lab.folder, "nothing")
            self.check(lab, path, "source: monitor '%s': .*No such file" % path)

    def test_nobody_listens(self):
        with Lab(self.id()) as lab:
            path = os.path.join(lab.folder, "dead")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
            self.check(lab, path, "source: monitor '%s': .*refused" % path)

    def speaks(self, data, pattern):
        with Lab(self.id()) as lab:
            path = os.path.join(lab.folder, "fake")

            def answer(connection):
                connection.sendall(data)
                connection.recv(1)

            with FakeServer(answer, path):
                self.check(lab, path, "source: monitor '%s': .*%s" % (path, pattern))

    def test_not_qmp(self):
        self.speaks(b"220 mail ESMTP\r\n", "not a JSON object")

    def test_json_but_not_qmp(self):
        self.speaks(b'{"QMP": 7}\r\n', "QMP")

    def test_ends_in_the_greeting(self):
        with Lab(self.id()) as lab:
            path = os.path.join(lab.folder, "fake")

            def answer(connection):
                connection.sendall(b'{"QMP": {"vers')
                connection.close()

            with FakeServer(answer, path):
                self.check(lab, path, "source: monitor '%s': " % path)


class RunTest(unittest.TestCase):
    """`godwit run`."""

    def test_bad_argv(self):
        with Lab(self.id()) as lab:
            lab.source.extra = ["-device", "no-such-device"]
            lab.source.write_vm_file()
            code, run = lab.run_vm()
            self.assertEqual(code, FAILED)
            self.assertRegex(run.err, "'no-such-device' is not a valid device")
            self.assertIsNone(lab.source.pid())
            lab.check_nothing_left()

    def test_no_such_program(self):
        with Lab(self.id()) as lab:
            with open(lab.source.vm_file, "w", encoding="ascii") as file:
                file.write("[vm]\nname=vm\nqmp=%s\nargv=/no/such/qemu\n" % lab.source.qmp_path)
            code, run = lab.run_vm()
            self.assertEqual(code, FAILED)
            self.assertRegex(run.err, "/no/such/qemu.*No such file")

    def test_runs_already(self):
        with Lab(self.id()) as lab:
            lab.start_source()
            pid = lab.source.pid()
            code, run = lab.run_vm()
            self.assertEqual(code, FAILED)
            self.assertRegex(run.err, "running already|already")
            self.assertEqual(lab.source.pid(), pid)
            lab.source.wait_beat()

    def test_paused(self):
        with Lab(self.id()) as lab:
            lab.start_source("--paused")
            self.assertIn(lab.source.status(), ("prelaunch", "paused"))
            self.assertEqual(lab.source.beats(), 0)

    def test_bad_files(self):
        cases = (
            ("", r"no group \[vm\]"),
            ("nonsense", "vm"),
            ("[vm]\nname=a\nargv=x\n", "'qmp'"),
            ("[vm]\nname=a\nqmp=/tmp/q\nargv=x\nkolor=1\n", "'kolor'"),
            ("[vm]\nname=a\nqmp=/tmp/q\nargv=x 'y\n", "quot"),
            ("[vm]\nname=a\nqmp=/tmp/q\nargv=x ${gpu0}\n", "gpu0"),
            ("[vm]\nname=a\nqmp=/tmp/q\nargv=x\n[disk]\n", "disk"),
        )
        with Lab(self.id()) as lab:
            for text, pattern in cases:
                with open(lab.source.vm_file, "w", encoding="ascii") as file:
                    file.write(text)
                code, run = lab.run_vm()
                self.assertEqual(code, USAGE, text)
                self.assertRegex(run.err, pattern)
            code, run = lab.godwit("run", "/no/such.vm")
            self.assertEqual(code, USAGE)
            self.assertRegex(run.err, "/no/such.vm.*No such file")


class UsageTest(unittest.TestCase):
    """A wrong command line ends with 2, says why, and touches nothing."""

    CASES = (
        ("", "usage|verb"),
        ("fly", "'fly'"),
        ("migrate --to 127.0.0.1", "--vm VMFILE or --qmp SOCK"),
        ("migrate --qmp /tmp/x --vm /tmp/y --to 127.0.0.1", "either"),
        ("migrate --qmp /tmp/x", "--to"),
        ("migrate --qmp /tmp/x --to 127.0.0.1:99999", "99999"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --bandwidth 1furlong", "1furlong"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --bandwidth -5MiB", "-5MiB"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --downtime-limit 9h", "9h"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --timeout soon", "soon"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --progress fancy", "fancy"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --channels 0", "from 1 to 255"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --transport pigeon", "no transport 'pigeon'"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --no-such-option", "no-such-option"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --allow disk-not-shared", "needs a subject"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --allow disk-not-shared:", "needs a subject"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 --allow not-incoming", "'not-incoming' cannot be allowed"),
        ("migrate --qmp /tmp/x --to 127.0.0.1 more", "more"),
        ("receive --listen 127.0.0.1:0", "--vm|--qmp"),
        ("receive --vm /tmp/x", "--listen"),
        ("run", "VMFILE"),
        ("report", "FILE"),
        ("dirty-rate", "--qmp"),
    )

    def test_table(self):
        with Lab(self.id()) as lab:
            for words, pattern in self.CASES:
                code, done = lab.godwit(*words.split())
                self.assertEqual(code, USAGE, "%s: %s" % (words, done.err))
                self.assertRegex(done.err, pattern)
                self.assertEqual(done.out, "")

    def test_daemon(self):
        cases = (("", "--vm-dir"), ("--listen 127.0.0.1:0", "--vm-dir"),
                 ("--listen nowhere:x --vm-dir /tmp", "nowhere:x"))
        with Lab(self.id()) as lab:
            for words, pattern in cases:
                daemon = lab.program("godwitd", *words.split())
                self.assertEqual(daemon.wait(10), USAGE, daemon.err)
                self.assertRegex(daemon.err, pattern)

    def test_help(self):
        with Lab(self.id()) as lab:
            code, overview = lab.godwit("--help")
            self.assertEqual((code, overview.err), (0, ""))
            verbs = re.findall(r"^  (\S+) +[A-Z]", overview.out, re.MULTILINE)
            self.assertIn("migrate", verbs)
            for verb in verbs:
                code, done = lab.godwit(verb, "--help")
                self.assertEqual((code, done.err), (0, ""))
                self.assertIn("godwit " + verb, done.out)
