# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is aimed at, an arm and a figure a line, and whether the rows are there. Data in, data out.

An aim is for some links and, where the figure depends on it, some downtime limits; others say nothing of it.
"""

import collections
import statistics

from . import stats

SHAPED = ("1gbit", "1gbit-veth")
SLOW = ("1gbit-veth", "200mbit-veth")  # of each direction what a real one has
CPU_BOUND = ("unlimited",)
TWO_CABLES = ("2x500mbit-veth",)
ANY = None
HELD = (50, 100, 300)

# FIGURE(rows, link, aim, limit_ms, seed) is (value, 95 % interval or None), or None without a row for it.
Aim = collections.namedtuple("Aim", "arm links limits figure metric base sign bound")


def beside(how):
    """ARM's METRIC beside BASE's, block by block."""
    def figure(rows, link, aim, limit_ms, seed):
        result = stats.compare(rows, link, aim.arm, aim.base, aim.metric, how, seed)
        return result and (result["median"], result["interval95"])
    figure.says = "%s to %%s" % how
    return figure


def of_values(says, choose):
    """CHOOSE(values, limit_ms) of ARM's METRIC."""
    def figure(rows, link, aim, limit_ms, seed):
        values = list(stats.good(rows, link, aim.arm, aim.metric).values())
        return (choose(values, limit_ms), None) if values else None
    figure.says = says
    return figure


def off(part):
    """How far from 0 that part of the values is at most."""
    def choose(values, _):
        ordered = sorted(map(abs, values))
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
    return of_values("%.0f %% within" % (part * 100), choose)


ratio, difference = beside("ratio"), beside("difference")
median = of_values("median", lambda values, _: statistics.median(values))
largest = of_values("largest", lambda values, _: max(values))
of_limit = of_values("median to limit", lambda values, limit_ms: statistics.median(values) / limit_ms)

AIMS = [
    Aim("godwit-off", SHAPED, ANY, ratio, "total_ms", "plain", "<=", 1.02),
    Aim("godwit-off", SHAPED, ANY, difference, "blackout_ms", "plain", "<=", 3),
    Aim("relay-off", SHAPED, ANY, ratio, "total_ms", "plain", "<=", 1.03),
    Aim("godwit-tls-off", SHAPED, ANY, ratio, "total_ms", "plain", "<=", 1.03),
    Aim("godwit", SHAPED, (20,), ratio, "blackout_ms", "plain", "<=", 0.55),
    Aim("godwit", SHAPED, (20,), ratio, "total_ms", "plain", "<=", 1.04),
    Aim("godwit", SHAPED, HELD, of_limit, "blackout_ms", None, "<=", 1.10),
    Aim("godwit", CPU_BOUND, ANY, ratio, "total_ms", "plain", "<=", 1.00),
    Aim("relay", CPU_BOUND, ANY, ratio, "total_ms", "plain", "<=", 1.40),
    Aim("godwit-tls", CPU_BOUND, ANY, ratio, "total_ms", "qemu-tls", "<=", 0.50),
    Aim("godwit-tls-4", CPU_BOUND, ANY, ratio, "total_ms", "qemu-tls-4", "<=", 0.50),
    Aim("godwit", CPU_BOUND, ANY, median, "cpu_part", None, "<=", 0.01),
    Aim("multifd2-bind", TWO_CABLES, ANY, ratio, "total_ms", "multifd2", "<=", 1 / 1.8),
    Aim("godwit-vm", SHAPED, ANY, ratio, "wall_ms", "libvirt", "<=", 1.00),
    Aim("godwit-vm", SHAPED, ANY, difference, "blackout_ms", "libvirt", "<=", 0),
    Aim("flood", (*SHAPED, *CPU_BOUND), ANY, ratio, "blackout_ms", "godwit", "<=", 1.10),
    Aim("flood-tls", (*SHAPED, *CPU_BOUND), ANY, ratio, "blackout_ms", "godwit-tls", "<=", 1.10),
    Aim("godwit", SHAPED, ANY, off(0.5), "report_error_ms", None, "<=", 1),
    Aim("godwit", SHAPED, ANY, off(0.9), "report_error_ms", None, "<=", 3),
    Aim("godwit", SHAPED, ANY, largest, "engine_peak_kib", None, "<=", 16 << 10),
    Aim("godwit", SHAPED, ANY, largest, "agent_peak_kib", None, "<=", 16 << 10),
    *(Aim(arm, SLOW, ANY, median, "link_part", None, ">=", 0.95) for arm in ("godwit", "relay", "godwit-tls")),
]


def is_met(aim, value, interval):
    """On the CPU-bound link the interval decides; elsewhere the median."""
    if aim.links == CPU_BOUND and interval is not None:
        value = interval[0]
    return value <= aim.bound if aim.sign == "<=" else value >= aim.bound


def judge(rows, links, limit_ms, seed):
    """[{"arm", "link", "figure", "aim", "value", "interval95", "met", "missed_by"}] of all that the rows can tell."""
    judged = []
    for aim in AIMS:
        if aim.limits is not ANY and limit_ms not in aim.limits:
            continue
        for link in aim.links:
            found = aim.figure(rows, link, aim, limit_ms, seed) if link in links else None
            if found is None:
                continue
            value, interval = found
            met = is_met(aim, value, interval)
            says = aim.figure.says % aim.base if aim.base else aim.figure.says
            judged.append({"arm": aim.arm, "link": link, "figure": "%s, %s" % (aim.metric, says),
                           "aim": "%s %g" % (aim.sign, round(aim.bound, 3)), "value": value, "interval95": interval,
                           "met": met, "missed_by": None if met else abs(value - aim.bound)})
    return judged


def show(judged, limit_ms):
    if not judged:
        return
    print("\naims, at a downtime limit of %d ms" % limit_ms)
    for one in judged:
        interval = " [%.3f, %.3f]" % tuple(one["interval95"]) if one["interval95"] else ""
        verdict = "met" if one["met"] else "missed by %.3f" % one["missed_by"]
        print("  %-14s %-14s %-34s %9.3f%-18s %-9s %s" % (
            one["arm"], one["link"], one["figure"], one["value"], interval, one["aim"], verdict))
