#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the live tests: prints one line for each test, and 'N passed, N failed' at the end."""

import argparse
import concurrent.futures
import fnmatch
import importlib
import os
import sys
import time
import unittest

LAST_LINES = 25
COMPACT_STEP = 25
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from tests.live import channels, env  # noqa: E402 (the path first)


def all_tests():
    """Every test of every test_*.py here, in order."""
    loader = unittest.TestLoader()
    for name in sorted(os.listdir(HERE)):
        if name.startswith("test_") and name.endswith(".py"):
            module = importlib.import_module("tests.live." + name[:-3])
            yield from flatten(loader.loadTestsFromModule(module))


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def short_name(test):
    """'handover.KillAgent.at_source_setup' of 'tests.live.test_handover.KillAgent.test_at_...'."""
    module, group, case = test.id().split(".")[-3:]
    return "%s.%s.%s" % (module.removeprefix("test_"), group, case.removeprefix("test_"))


def is_wanted(test, options):
    name = short_name(test)
    if options.qemu is not None and getattr(test, "qemu", None) not in (None, options.qemu):
        return False
    return not options.pattern or any(
        part in name or fnmatch.fnmatch(name, part) for part in options.pattern)


def run_one(test):
    """Runs a test by itself; returns (name, seconds, None or why it failed)."""
    begun = time.monotonic()
    result = unittest.TestResult()
    test.run(result)
    seconds = time.monotonic() - begun
    wrong = [text for _, text in result.errors + result.failures]
    if result.testsRun != 1 or result.skipped:
        wrong.append("it was not run\n")
    return short_name(test), seconds, "".join(wrong) or None


def report(name, seconds, why, options):
    if why is None:
        if not options.compact:
            print("ok     %5.1f s  %s" % (seconds, name), flush=True)
        return
    print("FAILED %5.1f s  %s" % (seconds, name), flush=True)
    lines = why.strip().splitlines()
    # In CI this is all that is left of it; what it is about is seldom in the last line alone.
    for line in lines if options.verbose else lines[-LAST_LINES:]:
        print("       | " + line, flush=True)


def run_all(tests, options):
    """Runs them, a few at a time, for they mostly wait. Returns how many failed."""
    failed = count = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_one, test) for test in tests]):
            name, seconds, why = done.result()
            report(name, seconds, why, options)
            failed += why is not None
            count += 1
            if options.compact and count % COMPACT_STEP == 0:
                print("live       %4d of %d done" % (count, len(tests)), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qemu", choices=["7.2", "10.0"], help="only tests that run on this one")
    parser.add_argument("--channel", metavar="KIND", choices=channels.KINDS, default=channels.usual,
                        help="move over this where a test does not say: %(choices)s")
    parser.add_argument("-k", dest="pattern", action="append", help="part of a name, or a glob")
    parser.add_argument("-j", dest="jobs", type=int, default=2, help="tests at once (2)")
    parser.add_argument("-v", dest="verbose", action="store_true", help="show whole tracebacks")
    parser.add_argument("--compact", action="store_true", help="tell of failures only")
    parser.add_argument("--list", action="store_true", help="only print the names")
    options = parser.parse_args()
    channels.usual = options.channel
    tests = [test for test in all_tests() if is_wanted(test, options)]
    if options.list:
        print("\n".join(short_name(test) for test in tests))
        return 0
    if not os.path.exists(env.binary("godwit")):
        sys.exit("run.py: there is no '%s'; build first, or set GODWIT_BUILD" % env.binary("godwit"))
    failed = run_all(tests, options)
    print("%d passed, %d failed" % (len(tests) - failed, failed))
    return 0 if tests and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
