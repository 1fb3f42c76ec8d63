#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints 'PASSED FAILED' for one run of `meson test`, read from its log folder.

A program that prints CUnit's table counts with each of its tests; any other counts as one. A program that
failed although its table has no failed test (a crash, a leak, a time-out) counts as one failure more.

usage: meson-count.py BUILD/meson-logs
"""

import glob
import json
import re
import sys

TABLE = re.compile(r"^\s*tests\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+\d+\s*$", re.MULTILINE)


def count(test):
    """(passed, failed) of one program."""
    rows = TABLE.findall(test.get("stdout") or "")
    passed, failed = sum(int(row[0]) for row in rows), sum(int(row[1]) for row in rows)
    if test["result"] == "SKIP":
        return 0, 0
    if test["result"] != "OK":
        return passed, max(failed, 1)
    return (passed, failed) if rows else (1, 0)


def main():
    logs = glob.glob(sys.argv[1] + "/testlog*.json")
    if not logs:
        print("0 1")
        return
    totals = [0, 0]
    for log in logs:
        with open(log, encoding="utf-8") as file:
            for line in file:
                passed, failed = count(json.loads(line))
                totals[0] += passed
                totals[1] += failed
    print(*(totals if any(totals) else (0, 1)))


if __name__ == "__main__":
    main()
