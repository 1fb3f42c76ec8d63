#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the lab's tests, inside the lab's VM: one line a test, and 'N passed, N failed' at the end.

usage: run.py [-v] [--repeat N] [--list] [--files PREFIX] [NAME...]   NAME is part of a test's name, or a glob
"""

import argparse
import fnmatch
import importlib
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from tests.lab import vgpus  # noqa: E402 (the path first)
from tests.live import run as live_run  # noqa: E402


def all_tests(prefix):
    """Every test of every PREFIX*.py here, in order."""
    for name in sorted(os.listdir(HERE)):
        if name.startswith(prefix) and name.endswith(".py"):
            module = importlib.import_module("tests.lab." + name[:-3])
            for case in vars(module).values():
                if isinstance(case, type) and issubclass(case, unittest.TestCase) \
                        and case.__module__ == module.__name__:
                    yield from unittest.defaultTestLoader.loadTestsFromTestCase(case)


def is_wanted(test, patterns):
    name = live_run.short_name(test)
    return not patterns or any(part in name or fnmatch.fnmatch(name, part) for part in patterns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-v", dest="verbose", action="store_true", help="show whole tracebacks")
    parser.add_argument("--repeat", type=int, default=1, help="run each so many times")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--files", default="test_", metavar="PREFIX",
                        help="'pair_' and 'other_' want a second VM, with the same or another driver")
    parser.add_argument("patterns", nargs="*", metavar="NAME")
    options = parser.parse_args()
    options.compact = False
    tests = [test for test in all_tests(options.files) if is_wanted(test, options.patterns)]
    if options.list:
        print("\n".join(live_run.short_name(test) for test in tests))
        return 0
    # A VM that has been up for long may have an older driver than the checkout, and older guests in its memory.
    vgpus.reload()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")
    failed = 0
    for test in tests * options.repeat:
        name, seconds, why = live_run.run_one(test)
        live_run.report(name, seconds, why, options)
        failed += why is not None
    print("%d passed, %d failed" % (len(tests) * options.repeat - failed, failed))
    return 0 if tests and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
