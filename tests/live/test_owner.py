# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who owns the guest, after it has moved: what each program says on the host that it has left."""

import json
import signal
import unittest

from . import procs
from .lab import FAILED, Lab, UNKNOWN


class Limbo:
    """The guest runs on the destination, and the answer to the commit is lost."""

    def __init__(self, lab):
        self.lab = lab
        lab.start_source()
        hook = lab.hook("destination:commit")
        lab.start_agent("--hook", hook.command)
        lab.use_proxy()
        self.migrate = lab.start_migrate()
        hook.wait(self.migrate)
        lab.proxy.black_hole()
        hook.go()

    def end(self):
        return self.migrate.wait(90)


class MovedTest(unittest.TestCase):
    def expect(self, result, code, *words):
        found, process = result
        text = process.out + process.err
        self.assertEqual(found, code, text)
        for word in words:
            self.assertIn(word, text)
        self.assertNotIn("is on the source", text)
        self.assertNotIn("its QEMU has died", text)
        self.assertNotIn("afresh", text)
        return text

    def all_say_handed_over(self, lab):
        source = lab.source
        state = ("--state-dir", source.state_dir)
        to = ("--to", lab.to, *state)
        words = ("'vm' was handed over to 127.0.0.1", "by session " + source.record()["now"]["session"])
        self.expect(lab.godwit("migrate", "--vm", source.vm_file, *to), UNKNOWN, *words)
        self.expect(lab.godwit("check", "--vm", source.vm_file, *to), UNKNOWN, *words)
        self.expect(lab.godwit("check", "--qmp", source.qmp_path, *to), UNKNOWN, *words)
        self.expect(lab.run_vm(), UNKNOWN, *words)
        self.expect(lab.godwit("recover", *state), 0, "nothing to settle")
        self.expect(lab.godwit("recover", "vm", *state), 0, *words)
        code, process = lab.godwit("migrate", "--vm", source.vm_file, "--json", *to)
        report = json.loads(process.out)
        self.assertEqual((code, report["vm_runs_on"], report["error"]["code"]), (UNKNOWN, "unknown", "handed-over"))
        lab.wait_runs_only_on(lab.destination)

    def test_the_record_is_the_vm_files_whatever_qemu_is_called(self):
        """The VM file says vm, and QEMU's -name is another: 'run' and 'migrate --qmp' mean one VM."""
        with Lab("names") as lab:
            for side in (lab.source, lab.destination):
                with open(side.vm_file, encoding="utf-8") as file:
                    text = file.read()
                with open(side.vm_file, "w", encoding="utf-8") as file:
                    file.write(text.replace("-name vm ", "-name other "))
            lab.start_source()
            lab.start_agent()
            code, process = lab.godwit("migrate", "--qmp", lab.source.qmp_path, "--to", lab.to, "--state-dir",
                                       lab.source.state_dir)
            self.assertEqual(code, 0, process.out + process.err)
            self.expect(lab.run_vm(), UNKNOWN, "'vm' was handed over to 127.0.0.1")

    def test_the_old_host_says_where_it_went(self):
        with Lab("moved") as lab:
            lab.start_source()
            lab.start_agent()
            self.assertEqual(lab.source.place(), "here")
            lab.migrate()
            self.assertEqual(lab.source.place(), "there")
            self.all_say_handed_over(lab)

    def test_a_kept_source_says_so_too(self):
        with Lab("kept") as lab:
            lab.start_source()
            lab.start_agent()
            lab.migrate("--keep-source")
            self.assertEqual(lab.source.status(), "postmigrate")
            self.all_say_handed_over(lab)

    def test_a_second_copy_is_stopped_at_once(self):
        """Somebody starts the guest at the source while the COMMIT is out; with --keep-source nobody would end it."""
        with Lab(self.id()) as lab:
            lab.start_source()
            hook = lab.hook("destination:commit")
            lab.start_agent("--hook", hook.command)
            migrate = lab.start_migrate("--keep-source")
            hook.wait(migrate)
            lab.source.command("cont")
            hook.go()
            self.assertEqual(migrate.wait(60), 0, migrate.err)
            self.assertEqual(lab.source.status(), "paused")
            lab.destination.wait_status("running")
            self.assertIn("two copies ran", " ".join(lab.report()["warnings"]))

    def test_a_move_under_way_is_busy_by_its_name(self):
        for phase in ("source:precopy", "source:switchover", "destination:commit"):
            with self.subTest(phase), Lab(self.id()) as lab:
                lab.start_source()
                hook = lab.hook(phase)
                lab.start_agent("--hook", hook.command)
                migrate = lab.start_migrate("--hook", hook.command)
                hook.wait(migrate)
                for side, role in ((lab.source, "source"), (lab.destination, "destination")):
                    recover = lab.godwit("recover", "vm", "--state-dir", side.state_dir, "--assume", "gone")
                    self.expect(recover, 0, "busy: vm (%s, session " % role, "another process works on it")
                hook.go()
                self.assertEqual(migrate.wait(60), 0, migrate.err)
                lab.wait_runs_only_on(lab.destination)

    def test_here_is_refused_while_it_runs_there(self):
        with Lab("here") as lab:
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            self.expect(lab.run_vm("--here"), UNKNOWN, "its agent says that it was taken over there")
            lab.wait_runs_only_on(lab.destination)
            lab.stop_agent()
            procs.kill_and_wait(lab.destination.pid())
            code, process = lab.run_vm("--here")
            self.assertEqual(code, 0, process.err)
            self.assertRegex(process.err, r"127.0.0.1 could not be asked .*: it starts here on your word")
            lab.source.wait_status("running", 10)
            self.assertEqual(lab.source.place(), "here")

    def test_what_fails_stays_here(self):
        with Lab("stays") as lab:
            lab.start_source()
            lab.start_agent()
            hook = lab.hook("source:switchover")
            migrate = lab.start_migrate("--hook", hook.command)
            hook.wait(migrate)
            self.assertEqual(lab.source.place(), "handing-over")
            code, process = lab.run_vm()
            self.assertEqual(code, FAILED, process.err)
            self.assertIn("'vm' is in use on this host: migrating by process %d" % migrate.pid, process.err)
            migrate.signal(signal.SIGINT)
            hook.go()
            migrate.wait(30)
            self.assertEqual(lab.source.place(), "here")
            lab.wait_runs_only_on(lab.source)

    def test_one_state_folder_is_not_two_hosts(self):
        with Lab("same") as lab:
            lab.start_source()
            lab.destination.state_dir = lab.source.state_dir
            lab.start_agent()
            code, process = lab.godwit("check", "--vm", lab.source.vm_file, "--to", lab.to,
                                       "--state-dir", lab.source.state_dir)
            self.assertEqual(code, FAILED, process.err)
            self.assertIn("give one of them another --state-dir", process.err)

    def test_an_unknown_vm_is_not_said_to_be_here(self):
        with Lab("unknown") as lab:
            lab.start_agent()
            code, process = lab.godwit("check", "--qmp", lab.source.qmp_path, "--to", lab.to,
                                       "--state-dir", lab.source.state_dir)
            self.assertEqual(code, FAILED, process.err)
            self.assertIn("nothing was touched", process.err)
            self.assertNotIn("is on the source", process.err)


class SettledTest(unittest.TestCase):
    def test_the_agent_knows_better_than_the_user(self):
        with Lab("knows") as lab:
            limbo = Limbo(lab)
            self.assertEqual(limbo.end(), UNKNOWN)
            state = ("--state-dir", lab.source.state_dir)
            code, process = lab.godwit("recover", *state, "--assume", "gone")
            self.assertEqual(code, 2, process.out)
            lab.proxy.heal()
            code, process = lab.godwit("recover", "vm", *state, "--assume", "gone")
            self.assertEqual(code, 0, process.out)
            self.assertIn("the destination has taken it over", process.out)
            lab.wait_runs_only_on(lab.destination)
            self.assertEqual(lab.source.place(), "there")

    def test_here_is_refused_by_an_agent_that_cannot_know(self):
        with Lab("strange") as lab:
            limbo = Limbo(lab)
            self.assertEqual(limbo.end(), UNKNOWN)
            lab.stop_agent()
            lab.destination.state_dir = lab.path("another")
            lab.start_agent()
            lab.proxy.heal()
            procs.kill_and_wait(lab.source.pid())
            code, process = lab.run_vm("--here")
            self.assertEqual(code, UNKNOWN, process.err)
            self.assertIn("its agent cannot tell whether it runs there", process.err)
            self.assertEqual(lab.source.place(), "handing-over")
            lab.wait_runs_only_on(lab.destination)

    def test_a_new_session_settles_the_old_one(self):
        with Lab("older") as lab:
            limbo = Limbo(lab)
            self.assertEqual(limbo.end(), UNKNOWN)
            code, process = lab.run_vm()
            self.assertEqual(code, UNKNOWN, process.err)
            self.assertIn("may have been handed over to 127.0.0.1", process.err)
            lab.proxy.heal()
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), UNKNOWN, migrate.out + migrate.err)
            self.assertIn("was handed over to 127.0.0.1", migrate.err)
            lab.wait_runs_only_on(lab.destination)
            self.assertEqual(lab.source.status(), "gone")
            self.assertEqual(lab.journals(), [])

    def test_both_hosts_lost_power(self):
        with Lab("power") as lab:
            limbo = Limbo(lab)
            for process in (limbo.migrate.pid, lab.source.pid(), lab.agent.pid, lab.destination.pid()):
                procs.send(process, signal.SIGKILL)
            limbo.end()
            lab.agent.wait(10)
            lab.source.change_boot()
            lab.destination.change_boot()
            code, process = lab.run_vm()
            self.assertEqual(code, UNKNOWN, process.err)
            lab.proxy.heal()
            lab.start_agent()
            code, process = lab.godwit("recover", "--state-dir", lab.source.state_dir)
            self.assertEqual(code, 0, process.out)
            self.assertIn("it may be started on one host only", process.out)
            self.assertEqual(lab.source.place(), "nowhere")
            code, process = lab.run_vm()
            self.assertEqual(code, 0, process.err)
