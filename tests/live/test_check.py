# SPDX-License-Identifier: LGPL-2.1-or-later
"""`godwit check` on real pairs of QEMUs: each difference is found before anything starts, nothing is found where
nothing is wrong, and both QEMUs are afterwards as they were before."""

import os
import pty
import select
import subprocess
import time
import unittest

from . import env, procs
from .check import DIFFERENCES, DOES_NOT_START, PAIRS, CheckLab, codes_of
from .guests import TickGuest
from .lab import FAILED, INCOMPATIBLE
from .scratch import Scratch


class DifferenceCase(unittest.TestCase):
    """What both ways to look at a difference have in common."""

    def expect(self, lab, name, codes):
        """Checks; the errors' CODES must be these exactly, and something must be said."""
        exit_code, plan = lab.check()
        self.assertEqual((name, codes_of(plan)), (name, sorted(codes)), plan["issues"])
        self.assertEqual(exit_code, INCOMPATIBLE if codes else 0, name)
        self.assertNotEqual(plan["issues"], [], name)
        return plan


class PairTest(DifferenceCase):
    """Each difference by its code, and no false alarm; an agent starts the destination's QEMU and ends it again."""

    def differences(self, pair):
        with CheckLab(self.id(), pair) as lab:
            lab.use_devices()
            lab.start_source()
            lab.start_agent()
            before = lab.settings(lab.source)
            exit_code, plan = lab.check()
            self.assertEqual((exit_code, plan["issues"]), (0, []))
            for name, (change, codes) in DIFFERENCES.items():
                lab.differ(change)
                self.expect(lab, name, codes)
                self.assertIsNone(lab.destination.pid())
            self.assertEqual(lab.settings(lab.source), before)
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)
            lab.check_clock()

    def test_new_machine_to_old(self):
        """A machine type that the destination's QEMU does not know."""
        with CheckLab(self.id(), "new_to_old") as lab:
            for side in (lab.source, lab.destination):
                side.machine = env.NEW_MACHINE
                side.write_vm_file()
            lab.start_source()
            lab.start_agent()
            plan = self.expect(lab, "machine", DOES_NOT_START)
            self.assertIn("unsupported machine type", plan["issues"][0]["text"])
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)


class BothTest(DifferenceCase):
    """Likewise, with a destination that somebody else started: neither QEMU is changed by a check."""

    def found_with(self, lab, name, codes):
        """Starts the destination, checks and ends it."""
        process = lab.start_waiting_destination()
        before = lab.settings_of_both()
        self.assertEqual(before[1][2]["status"], "inmigrate")
        plan = self.expect(lab, name, codes)
        self.assertEqual(lab.settings_of_both(), before, name)
        lab.end_waiting_destination(process)
        return plan

    def boards(self, lab):
        """Where the board or its memory is another one."""
        lab.differ([])
        lab.destination.guest = TickGuest(ram_mib=48)
        self.found_with(lab, "RAM size", ["ram-size"])
        lab.destination.guest = lab.guest
        lab.destination.machine = "pc-q35-7.1"
        self.found_with(lab, "machine version", ["machine-type"])

    def differences(self, pair):
        with CheckLab(self.id(), pair) as lab:
            lab.use_devices()
            lab.start_source()
            for name, (change, codes) in DIFFERENCES.items():
                if codes != DOES_NOT_START:
                    lab.differ(change)
                    self.found_with(lab, name, codes)
            self.boards(lab)
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)
            lab.check_clock()


POST_COPY = [{"capability": "postcopy-ram", "state": True}]


class SourceTest(unittest.TestCase):
    """What the guest or its QEMU is in no state for; neither QEMU is changed by a check."""

    def found(self, pair, extra, prepare, severity, code, state=None):
        with CheckLab(self.id(), pair, extra) as lab:
            lab.start_source()
            lab.start_waiting_destination()
            prepare(lab.source)
            if state is not None:
                lab.source.wait_status(state)
            before = lab.settings_of_both()
            exit_code, plan = lab.check()
            self.assertEqual(codes_of(plan, severity), [code], plan["issues"])
            self.assertEqual(exit_code, INCOMPATIBLE if severity == "error" else 0)
            self.assertEqual(lab.settings_of_both(), before)

    @staticmethod
    def write_port(side, words):
        """As the guest would: by the monitor for people, which can write to a port."""
        side.command("human-monitor-command", command_line="o " + words)

    def of_state(self, pair):
        pm1_control = "0x604"
        self.found(pair, [], lambda side: side.command("stop"), "warning", "paused", "paused")
        self.found(pair, [], lambda side: self.write_port(side, "/h %s 0x2400" % pm1_control),
                   "error", "run-state", "suspended")
        self.found(pair, ["-no-shutdown"], lambda side: self.write_port(side, "/h %s 0x2000" % pm1_control),
                   "error", "run-state", "shutdown")
        self.found(pair, ["-device", "pvpanic", "-action", "panic=pause"],
                   lambda side: self.write_port(side, "/b 0x505 1"), "error", "run-state", "guest-panicked")

    def of_qemu(self, pair):
        self.found(pair, [], lambda side: side.command("migrate-set-capabilities", capabilities=POST_COPY),
                   "error", "refused-capability")
        self.found(pair, ["-object", "memory-backend-ram,id=hm,size=1M,share=on", "-device",
                          "ivshmem-plain,memdev=hm"], lambda side: None, "error", "blocked")
        with Scratch(self.id() + "-nvme") as scratch:
            image = os.path.join(scratch.folder, "nvme.img")
            with open(image, "wb") as file:
                file.truncate(1 << 20)
            self.found(pair, ["-drive", "file=%s,format=raw,if=none,id=nv,file.locking=off" % image, "-device",
                              "nvme,serial=x,drive=nv"], lambda side: None, "error", "blocked")


class AttachedTest(unittest.TestCase):
    """A destination that somebody else started is asked too, and left as it was."""

    def predicts(self, lab):
        code, plan = lab.check("--bandwidth", "1Gbit")
        self.assertEqual(code, 0)
        self.assertEqual(plan["prediction"]["bandwidth_bytes_per_s"], 125000000)
        for name in ("total_us", "downtime_us"):
            number = plan["prediction"][name]
            self.assertTrue(0 < number["low"] <= number["likely"] <= number["high"], number)

    def attached(self, pair):
        with CheckLab(self.id(), pair) as lab:
            lab.start_source()
            lab.start_waiting_destination()
            xbzrle = [{"capability": "xbzrle", "state": True}]
            for side in (lab.source, lab.destination):
                side.command("migrate-set-capabilities", capabilities=xbzrle)
                side.command("migrate-set-parameters", downtime_limit=123, max_bandwidth=4567890)
            before = [lab.settings(side) for side in (lab.source, lab.destination)]
            code, plan = lab.check()
            self.assertEqual((code, plan["issues"]), (0, []))
            self.assertNotIn("prediction", plan)
            self.predicts(lab)
            code, plan = lab.check("--capability", "postcopy-ram", "--channels", "4")
            self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["capability-conflict"]))
            lab.destination.command("migrate-set-capabilities", capabilities=POST_COPY)
            with_post_copy = lab.settings(lab.destination)
            code, plan = lab.check()
            self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["refused-capability"]))
            code, plan = lab.check("--allow", "refused-capability")
            self.assertEqual((code, codes_of(plan)), (0, []))
            self.assertEqual(codes_of(plan, "warning"), ["refused-capability"])
            self.assertTrue(all(issue["allowed"] for issue in plan["issues"]))
            self.assertEqual(lab.settings(lab.destination), with_post_copy)
            self.assertEqual(lab.settings(lab.source), before[0])
            self.move_with_former_settings(lab, before)

    def move_with_former_settings(self, lab, before):
        """A migration leaves both QEMUs, which go on running, with the settings that they had."""
        report = lab.migrate("--keep-source", "--allow", "refused-capability")
        self.assertEqual([issue["code"] for issue in report["plan"]["issues"]], ["refused-capability"])
        lab.wait_runs_only_on(lab.destination)
        lab.agent.wait(10)
        self.assertEqual(lab.settings(lab.source)[:2], before[0][:2])
        names = {row["capability"]: row["state"] for row in lab.settings(lab.destination)[0]}
        self.assertEqual({name for name in names if names[name]}, {"xbzrle", "postcopy-ram"})
        self.assertEqual(lab.settings(lab.destination)[1], before[1][1])


class TextTest(unittest.TestCase):
    """What a person sees."""

    def run_on_terminal(self, lab, environment):
        """check's output on a terminal."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [env.binary("godwit"), "check", "--vm", lab.source.vm_file, "--to", lab.to, "--state-dir",
             lab.source.state_dir], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", **environment})
        os.close(slave)
        output = b""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            output += data
        os.close(master)
        return process.wait(10), output.decode()

    def test_colours_on_a_terminal_only(self):
        with CheckLab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            code, text = self.run_on_terminal(lab, {"NO_COLOR": ""})
            self.assertEqual(code, 0)
            self.assertIn("vm \033[32mcan be migrated\033[0m", text)
            for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
                code, text = self.run_on_terminal(lab, environment)
                self.assertEqual(code, 0)
                self.assertNotIn("\033", text)
            code, piped = lab.godwit("check", "--vm", lab.source.vm_file, "--to", lab.to, "--all")
            self.assertEqual(code, 0)
            self.assertNotIn("\033", piped.out)
            self.assertRegex(piped.out, r"(?m)^  off +multifd +there is one channel$")
            self.assertRegex(piped.out, r"(?m)^  both +return-path +\S")
            self.assertLess(max(len(line) for line in piped.out.splitlines()), 132)
            procs.wait_until(lambda: lab.destination.pid() is None, 5, "the checks' QEMU to end")

    def test_output_that_cannot_be_written(self):
        """A plan that could not be printed is a failure, whether the guest can be migrated or not."""
        with CheckLab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            for change, code in (([], 0), (["-uuid", "12345678-9abc-4def-8123-456789abcdef"], INCOMPATIBLE)):
                lab.destination.extra = change
                lab.destination.write_vm_file()
                self.assertEqual(lab.check()[0], code)
                with open("/dev/full", "w", encoding="utf-8") as full:
                    done = subprocess.run(
                        [env.binary("godwit"), "check", "--vm", lab.source.vm_file, "--to", lab.to, "--state-dir",
                         lab.source.state_dir], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
                self.assertEqual(done.returncode, FAILED)
                self.assertIn("cannot write the output", done.stderr)


def add_tests():
    """One test for each pair, with its own name."""
    for pair in PAIRS:
        differences = PairTest if pair.startswith("pc_") else BothTest
        setattr(differences, "test_" + pair, lambda self, pair=pair: self.differences(pair))
        setattr(AttachedTest, "test_" + pair, lambda self, pair=pair: self.attached(pair))
        if pair.startswith("pc_"):
            continue
        setattr(SourceTest, "test_state_" + pair, lambda self, pair=pair: self.of_state(pair))
        setattr(SourceTest, "test_qemu_" + pair, lambda self, pair=pair: self.of_qemu(pair))


add_tests()
