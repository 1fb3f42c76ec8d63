# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts/lab does once the root and the modules are built. Not to be run by hand.

The environment has LAB_CHECKOUT, LAB_ROOT, LAB_CACHE, LAB_STATE (a folder of this checkout's lab) and LAB_BUILD.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.lab import channel, vm as lab_vm  # noqa: E402 (the path first)

CHECKOUT = os.environ.get("LAB_CHECKOUT", "")
STATE = os.environ.get("LAB_STATE", "")
SUITES = {"11.1": "forky", "7.2": "bookworm"}
OLD_QEMU = "7.2"  # from before VFIO migration as it is now
ADDRESSES = {"one": "10.78.0.1/24", "two": "10.78.0.2/24"}


def vms():
    return [lab_vm.Vm(STATE, "one"), lab_vm.Vm(STATE, "two")]


def shares():
    """What the VM sees of the host, each at its own path: (folder, how), as vm.py has it."""
    wanted = [(CHECKOUT, "read"), (os.environ["LAB_CACHE"], "keep"), (os.environ["LAB_BUILD"], "read"),
              (os.path.join(STATE, "modules"), "read"), (os.path.join(STATE, "out"), "write")]
    for folder, _ in wanted:
        os.makedirs(folder, exist_ok=True)
    return [(folder, how) for folder, how in wanted if not is_inside(folder, CHECKOUT)
            or folder == CHECKOUT]


def is_inside(folder, other):
    return os.path.commonpath([folder, other]) == other


def append(vm, pair, version):
    """The kernel's words for our own scripts."""
    modules = os.path.join(STATE, "modules", version)
    words = ["lab.checkout=" + CHECKOUT, "lab.modules=" + modules,
             "lab.env=BUILD=" + os.environ["LAB_BUILD"], "lab.env=GUESTS=" + os.environ["LAB_CACHE"] + "/guests",
             "lab.env=LAB_OUT=" + os.path.join(STATE, "out")]
    return words + (["lab.address=" + ADDRESSES[vm.name]] if pair else [])


def wire(vm, pair):
    """The virtual network between the two: datagrams over UNIX sockets, seen by nobody else."""
    if not pair:
        return None
    other = "two" if vm.name == "one" else "one"
    return ("dgram,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
            % (os.path.join(STATE, "wire-" + vm.name), os.path.join(STATE, "wire-" + other)))


@contextlib.contextmanager
def only_one():
    """Two callers at once would both start a VM; the second finds the first's."""
    with open(os.path.join(STATE, "lock"), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up(pair, driver):
    with only_one():
        return start(pair, driver)


def start(pair, driver):
    """Starts what is not up, and waits for it. Returns the VMs that were started."""
    wanted = vms() if pair else vms()[:1]
    if pair and wanted[0].is_up() and not wanted[1].is_up():
        raise lab_vm.LabError("the lab is up with one VM only: 'scripts/lab down' first")
    started = [vm for vm in wanted if not vm.is_up()]
    for vm in started:
        if pair and os.path.exists(os.path.join(STATE, "wire-" + vm.name)):
            os.unlink(os.path.join(STATE, "wire-" + vm.name))
        vm.start(os.environ["LAB_ROOT"], shares(), append(vm, pair, driver[vm.name]), wire(vm, pair))
    try:
        for vm in started:
            seconds = vm.wait_ready(lambda vm=vm: channel.ask(vm, ["true"]))
            print("lab: the VM '%s' is up (%.0f s)" % (vm.name, seconds), file=sys.stderr)
    except BaseException:
        for vm in started:
            vm.stop()
        raise
    return started


def other_qemu(version):
    """The binary of another QEMU than the VM's own, unpacked into the cache, which the VM sees too."""
    if version not in SUITES:
        raise lab_vm.LabError("there is no QEMU '%s'; there are: %s" % (version, ", ".join(SUITES)))
    made = subprocess.run([os.path.join(CHECKOUT, "scripts/qemu-root"), SUITES[version]],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    path = made.stdout.strip()
    if made.returncode != 0 or not path.endswith("/qemu-" + version):
        raise lab_vm.LabError("Debian %s has no QEMU %s now: '%s'" % (SUITES[version], version, path))
    return path


def serve_far_host(env):
    """Starts, in the second VM, what the tests in the first one ask for their destination."""
    script = os.path.join(CHECKOUT, "tests/lab/far_host.py")
    if channel.run(vms()[1], ["python3", script, "--fork"], timeout_s=60.0, env=env) != 0:
        raise lab_vm.LabError("the VM 'two' does not serve as a far host")


def command_test(options):
    """The tests inside the VM; the VM is ended after them if it was we who started it."""
    more = {"GODWIT_LAB_OUT": os.path.join(STATE, "out")}
    if not options.two:
        other_qemu(OLD_QEMU)
        more["GODWIT_LAB_OLD_ROOT"] = os.path.join(os.environ["LAB_CACHE"], SUITES[OLD_QEMU], "root")
    if options.qemu is not None:
        more["GODWIT_LAB_QEMU"] = other_qemu(options.qemu)
    started = up(options.two, versions(options))
    argv = ["python3", os.path.join(CHECKOUT, "tests/lab/run.py")] + options.rest
    try:
        if options.two:
            argv += ["--files", "other_" if options.other_driver else "pair_"]
            serve_far_host(more)
        code = channel.run(vms()[0], argv, timeout_s=options.timeout, env=more)
        if code == channel.TIMED_OUT:
            print("lab: not all of them in %.0f s (--timeout): ended" % options.timeout, file=sys.stderr)
    finally:
        if not options.keep:
            for vm in started:
                vm.stop()
    return code


def versions(options):
    return {"one": "now", "two": "next" if getattr(options, "other_driver", False) else "now"}


def parse():
    parser = argparse.ArgumentParser(prog="scripts/lab")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("up", help="boot the VM, or both, and wait until they answer")
    one.add_argument("--two", action="store_true", help="two VMs, 10.78.0.1 and 10.78.0.2")
    one.add_argument("--other-driver", action="store_true", help="the second has another driver version")
    one = verbs.add_parser("run", help="run a command in the VM; its output and exit code are passed through")
    one.add_argument("--vm", choices=("one", "two"), default="one")
    one.add_argument("--timeout", type=float, default=600.0, help="seconds")
    one.add_argument("rest", nargs=argparse.REMAINDER)
    one = verbs.add_parser("shell", help="a shell in the VM")
    one.add_argument("--vm", choices=("one", "two"), default="one")
    one.add_argument("rest", nargs=argparse.REMAINDER)
    one = verbs.add_parser("test", help="run the lab's tests in the VM")
    one.add_argument("--timeout", type=float, default=1500.0, help="seconds for all of them")
    one.add_argument("--keep", action="store_true", help="leave the VM up")
    one.add_argument("--two", action="store_true", help="the tests that want two VMs, and only those")
    one.add_argument("--other-driver", action="store_true",
                     help="those that want another driver version in the second")
    one.add_argument("--qemu", metavar="VERSION", help="another QEMU than Debian 13's 10.0: 11.1")
    verbs.add_parser("down", help="end what is up")
    verbs.add_parser("status", help="what is up")
    options, more = parser.parse_known_args()
    if options.verb == "test":
        options.rest = more
        options.two = options.two or options.other_driver
    elif more:
        parser.error("what is '%s'?" % more[0])
    return options


def act(options):
    """Does what was asked for; returns the exit code."""
    if options.verb == "up":
        up(options.two, versions(options))
        return 0
    if options.verb == "down":
        for vm in vms():
            vm.stop()
        return 0
    if options.verb == "status":
        for vm in vms():
            print("%s: %s" % (vm.name, "up, pid %d" % vm.pid() if vm.is_up() else "down"))
        return 0
    if options.verb == "test":
        return command_test(options)
    vm = lab_vm.Vm(STATE, options.vm)
    if options.vm == "one" and not vm.is_up():
        up(False, versions(options))
    if not vm.is_up():
        raise lab_vm.LabError("the VM '%s' is not up" % vm.name)
    rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    if options.verb == "shell":
        return channel.shell(vm, rest or ["bash", "-l"])
    if not rest:
        raise lab_vm.LabError("run what?")
    return channel.run(vm, rest, options.timeout)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(act(parse()))
    except (lab_vm.LabError, EOFError) as error:
        sys.exit("lab: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
