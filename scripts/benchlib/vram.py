# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/bench --vram: the lab's table. Each case is one VM in the lab (tests/lab/vram_rows.py), moved once."""

import json
import os
import subprocess
import sys

from . import vram_figures

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(CHECKOUT, "scripts", "lab")
ROWS = os.path.join(CHECKOUT, "tests", "lab", "vram_rows.py")
MIB = 1 << 20
PARTS = (0, 0.25, 0.5, 1, 2)  # of the link
QUICK_PARTS = (0, 0.5, 2)
COUNTS = (1, 3)
TIMEOUT_S = 240


class NoLab(Exception):
    """The lab cannot run what it was asked for."""


def lab(*words):
    """Its output; NoLab with its words."""
    done = subprocess.run([LAB, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoLab((done.stderr.strip() or done.stdout.strip())[-2000:])
    return done.stdout


def cases(parts, counts):
    """Those that teach each other are neighbours: the same vGPUs, by the same way."""
    for n_vgpus in counts:
        for precopy in (False, True):
            # Without PRE_COPY nothing is sent again, so how fast it is written matters little.
            for part in parts if precopy else sorted({parts[0], parts[-1]}):
                yield n_vgpus, precopy, part


def run_case(case, link, learned, probe):
    n_vgpus, precopy, part = case
    arguments = {"n_vgpus": n_vgpus, "precopy": precopy, "rate_bytes_per_s": int(part * link),
                 "link_bytes_per_s": link, "learned": learned, "probe": probe, "ask": True}
    output = lab("run", "--timeout", str(TIMEOUT_S), "python3", ROWS, json.dumps(arguments))
    return json.loads(output.splitlines()[-1])


def one(case, link, learned, probe):
    """A row with its figures; one that failed says why."""
    n_vgpus, precopy, part = case
    row = {"n_vgpus": n_vgpus, "precopy": precopy, "part_of_link": part, "link_bytes_per_s": link,
           "taught": learned is not None}
    try:
        row["run"] = run_case(case, link, learned, probe)
    except (NoLab, ValueError, IndexError) as error:
        return dict(row, failed=str(error))
    row["figures"] = vram_figures.figures(row["run"], link)
    return row


def run_all(options, file):
    """Yields rows. The first of each count that was moved teaches the rest; it says `first`."""
    link = options.vram_link_mib * MIB
    learned = {}
    parts = options.vram_parts or (QUICK_PARTS if options.quick else PARTS)
    for case in cases(parts, options.vram_counts):
        for number in range(options.vram_runs):
            row = one(case, link, learned.get(case[0]), probe=number == 0)
            if "run" in row and row["run"]["learned"] is not None:
                learned[case[0]] = row["run"]["learned"]
            file.write(json.dumps(row) + "\n")
            file.flush()
            yield row


def mib(value):
    return "-" if value is None else "%.2f" % (value / MIB)


def seconds(value):
    return "-" if value is None else "%.3f" % (value / 1e6)


def mark(verdict):
    return {None: " ", True: "+", False: "!"}[verdict]


def probe_text(probe):
    if probe is None:
        return "%-29s" % ""
    return "%12s %7s %-7s%s" % (mib(probe["true"]), mib(probe["told"]), "/".join(
        how[:5] for how in probe["how"]), mark(probe["ok"]))


def downtime_text(downtime):
    last, first = downtime["last"], downtime["first"]
    span = "-" if last is None else "%s..%s" % (seconds(last["low"]), seconds(last.get("high")))
    off = "-"
    if last is not None and downtime["measured"]:
        off = "%+.0f %%" % (100 * (last["likely"] / downtime["measured"] - 1))
    return "%7s %15s %9s %9s %7s %s%s" % (
        seconds(first["likely"]) if first else "-", span, seconds(last["likely"]) if last else "-",
        seconds(downtime["measured"]), off, mark(downtime["ok"]), mark(downtime["in_range"]))


def line(row):
    """One row of the table; units: MiB/s, MiB, s."""
    head = "%d %s %s %4.2f" % (row["n_vgpus"], "yes" if row["precopy"] else "no ",
                               "taught" if row["taught"] else "first ", row["part_of_link"])
    if "failed" in row:
        return "%s FAILED: %s" % (head, row["failed"].splitlines()[-1])
    made = row["figures"]
    left, rate = made["left"], made["rate"]
    return "%s |%s | %3d/%-3d %6s %s | %3d/%-3d %6s %6s %s | %s" % (
        head, probe_text(made["probe"]), left["good"], left["n"], mib(left["worst_bytes"]), mark(left["ok"]),
        rate["good"], rate["n"], mib(rate["true"]), mib(rate["told"]), mark(rate["ok"]),
        downtime_text(made["downtime"]))


TITLE = """vRAM, told beside the truth: MiB, MiB/s and seconds; + holds, ! does not, a blank: nothing to judge
n PRE_COPY, learned, rate/link | probe: true told how | left: samples that hold, worst miss | rate in the samples that \
hold, true, told | downtime: first predicted, range at the last, predicted last, measured, off, within 20 %, in range"""


def show(rows):
    """What holds of all rows, a line a claim."""
    print()
    for text, pick in (("first ever", lambda row: not row["taught"]), ("taught", lambda row: row["taught"])):
        made = [row["figures"] for row in rows if "figures" in row and pick(row)]
        for claim, name, key in (
                ("the probe's rate within 10 %, or a lower bound", "probe", "ok"),
                ("what is left within one sample and a block of QEMU's", "left", "ok"),
                ("the rate within 10 %, an estimate 30, or a lower bound", "rate", "ok"),
                ("the predicted downtime within 20 %", "downtime", "ok"),
                ("the measured downtime in the predicted range", "downtime", "in_range")):
            good, n = vram_figures.share([figures[name][key] for figures in made if figures[name]])
            if n:
                print("%-11s %-52s %3d of %-3d %s" % (text, claim, good, n,
                                                      "holds" if vram_figures.is_enough(good, n, name) else "MISSED"))
    failed = sum("failed" in row for row in rows)
    if failed:
        print("%d runs failed" % failed)


def measure(options, path):
    """Its exit code: 1 if a run failed."""
    was_up = "one: up" in lab("status")
    rows = []
    print(TITLE, flush=True)
    try:
        with open(path, "w", encoding="utf-8") as file:
            for row in run_all(options, file):
                rows.append(row)
                print(line(row), flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    finally:
        if not was_up:
            lab("down")
    show(rows)
    print("\nwritten: %s" % path)
    return 1 if not rows or any("failed" in row for row in rows) else 0
