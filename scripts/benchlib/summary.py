# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the rows come to, and how it is printed. Digits beyond the quantum of a clock are not."""

import statistics

from . import aims, stats
from .arms import ARMS, ENGINE, FLOOR

# Name of the metric: what it is called, digits, divisor.
METRICS = {
    "total_ms": ("total (setup to RESUME), ms", 0, 1),
    "completed_ms": ("source setup to completed, ms", 0, 1),
    "wall_ms": ("wall time of the command, ms", 0, 1),
    "downtime_ms": ("downtime (STOP to RESUME), ms", 1, 1),
    "blackout_ms": ("the guest's own blackout, ms", 0, 1),
    "downtime_qemu_ms": ("QEMU's downtime figure, ms", 0, 1),
    "downtime_report_ms": ("the engine's downtime figure, ms", 1, 1),
    "report_error_ms": ("the engine's figure less the guest's, ms", 1, 1),
    "engine_peak_kib": ("peak memory, migrate, MiB", 1, 1024),
    "agent_peak_kib": ("peak memory, agent, MiB", 1, 1024),
    "engine_cpu_ms": ("CPU, migrate or script, ms", 1, 1),
    "agent_cpu_ms": ("CPU, agent, ms", 1, 1),
    "ram_bytes": ("RAM sent, MiB", 1, 1 << 20),
    "throughput_mbit": ("sent from setup to completed, Mbit/s", 0, 1),
    "link_part": ("that, % of what TCP can carry over the link", 1, 0.01),
    "cpu_part": ("CPU, migrate and agent, % of a core for the total time", 2, 0.01),
    "passes": ("passes", 0, 1),
}
# What is compared block by block, and how.
COMPARED = {"total_ms": "ratio", "wall_ms": "ratio", "downtime_ms": "difference",
            "blackout_ms": "difference"}
# What godwit's report splits a run into.
SPLITS = ("phases_ms", "downtime_parts_ms")


def summarize(rows, limit_ms, seed):
    """{link: {"runs", "arms", "comparisons"}} and the aims."""
    links = sorted({row["link"] for row in rows})
    whole = {"links": {link: of_link(rows, link, seed) for link in links}}
    whole["aims"] = aims.judge(rows, links, limit_ms, seed)
    return whole


def of_link(rows, link, seed):
    here = [row for row in rows if row["link"] == link]
    present = [name for name in ARMS if any(row["arm"] == name for row in here)]
    arms = {}
    for arm in present:
        mine = [row for row in here if row["arm"] == arm]
        arms[arm] = {"runs": len(mine), "failed": sum(not row["ok"] and "gave_up" not in row for row in mine),
                     "gave_up": sum("gave_up" in row for row in mine),
                     "disturbed": sum(row.get("disturbed", False) for row in mine)}
        for metric in METRICS:
            arms[arm][metric] = stats.spread(list(stats.good(rows, link, arm, metric).values()))
    pairs = [(arm, base) for arm in present for base in dict.fromkeys((FLOOR, ARMS[arm].base))
             if arm != base and base in present]
    compared = [{"arm": arm, "base": base, "metric": metric, "how": how,
                 "result": stats.compare(rows, link, arm, base, metric, how, seed)}
                for arm, base in pairs for metric, how in COMPARED.items()]
    noisy = sorted({row["block"] for row in here if row.get("disturbed")})
    return {"blocks": len({row["block"] for row in here}), "disturbed_blocks": noisy,
            "arms": arms, "comparisons": compared,
            "godwit": {split: medians_of(here, split) for split in SPLITS}}


def medians_of(rows, split):
    """{name: the median over the runs that have it}, in the order in which they came."""
    having = [row[split] for row in rows if row["ok"] and row["arm"] == ENGINE and split in row]
    names = dict.fromkeys(name for parts in having for name in parts)
    return {name: statistics.median(parts[name] for parts in having if name in parts)
            for name in names}


def cell(metric, figure):
    if figure is None:
        return "-"
    _, digits, divisor = METRICS[metric]
    numbers = ["%.*f" % (digits, figure[key] / divisor) for key in ("median", "p25", "p75")]
    return "%s [%s, %s]" % tuple(numbers)


def print_link(name, link):
    """An arm a row: there are more arms than a terminal has room for columns."""
    print("\n%s: %d blocks, %d of them disturbed%s" % (
        name, link["blocks"], len(link["disturbed_blocks"]),
        " (%s)" % ", ".join(map(str, link["disturbed_blocks"])) if link["disturbed_blocks"] else ""))
    for metric, (label, _, _) in METRICS.items():
        cells = {arm: figures[metric] for arm, figures in link["arms"].items() if figures[metric]}
        if not cells:
            continue
        print("%s, median [quartiles]" % label)
        for arm, figure in cells.items():
            runs = link["arms"][arm]
            print("  %-20s %26s   of %d%s" % (arm, cell(metric, figure), runs["runs"], ", %d failed" % runs[
                "failed"] if runs["failed"] else ""))
    print("block by block, median and 95 % bootstrap interval:")
    for compared in link["comparisons"]:
        print_comparison(compared)
    for split, parts in link["godwit"].items():
        print("godwit's %s: %s" % (split, ", ".join("%s %.1f" % part for part in parts.items()) or "-"))


def print_comparison(compared):
    result = compared["result"]
    label = "  %-18s to %-8s %s" % (compared["arm"], compared["base"], compared["metric"])
    if result is None:
        print("%-46s no common block" % label)
    elif compared["how"] == "ratio":
        print("%-46s x %.3f [%.3f, %.3f]  n=%d" % (
            label, result["median"], *result["interval95"], result["n"]))
    else:
        print("%-46s %+.1f ms [%+.1f, %+.1f]  n=%d" % (
            label, result["median"], *result["interval95"], result["n"]))


def print_failures(rows):
    failed = [row for row in rows if not row["ok"] and "gave_up" not in row]
    for row in failed:
        print("FAILED: block %d, %s, %s: %s" % (
            row["block"], row["link"], row["arm"], row["error"].strip()))


def show(document, rows):
    """The whole table."""
    for name, link in document["links"].items():
        print_link(name, link)
    aims.show(document["aims"], document["meta"]["options"]["limit_ms"])
    print_failures(rows)
