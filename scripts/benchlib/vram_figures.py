# SPDX-License-Identifier: LGPL-2.1-or-later
"""From what one run in the lab brought (tests/lab/vram_rows.py) to figures and verdicts. Data in, data out.

A verdict is True or False, or None where there is nothing to judge.
"""

WITHIN = 0.1        # of the truth: a rate that was measured
ESTIMATED = 0.3     # one that says it is an estimate, as its range in a prediction
PREDICTED = 0.2     # of the measured: a downtime
PART_OF_RUNS = 0.9  # in which a prediction has to hold
NOTHING = 0.01      # of the link: a rate that counts as none
WINDOW_S = 3.0      # over which the engine measures a rate
BLOCK_BYTES = 1 << 20  # what QEMU has in its hands between a driver and the stream


def share(verdicts):
    """(how many are true, of how many that judge)"""
    judged = [verdict for verdict in verdicts if verdict is not None]
    return sum(judged), len(judged)


def is_enough(good, n, name):
    """A prediction may miss once in ten; what is told of now may not."""
    return good >= PART_OF_RUNS * n if name == "downtime" else good == n


def all_of(verdicts):
    """None when there is none that judges."""
    good, n = share(verdicts)
    return None if n == 0 else good == n


def is_rate(told, true, link):
    """Is TOLD, a number object of the JSON, as good as its confidence says? None: nothing is told."""
    if told is None:
        return None
    slack = max((ESTIMATED if told["confidence"] == "estimated" else WITHIN) * true, NOTHING * link)
    if told["confidence"] == "lower-bound":
        return told["value"] <= true + slack
    return abs(told["value"] - true) <= slack


def probe_figures(probe, link):
    """Of `godwit dirty-rate --probe`: sums over the vGPUs, and a verdict that holds for each. A vGPU without PRE_COPY has
    no rate, and the probe has to say so."""
    vgpus = probe["told"]["vgpus"]
    told = [vgpu.get("dirty_bytes_per_s") for vgpu in vgpus]
    known = [number for number in told if number is not None]
    true = [probe["true_bytes_per_s"][number_of(vgpu["id"])] for vgpu in vgpus]
    verdicts = [is_rate(number, rate, link) if number is not None else "note" in vgpu
                for number, rate, vgpu in zip(told, true, vgpus)]
    return {"true": sum(true), "told": sum(number["value"] for number in known) if known else None,
            "how": sorted({number["confidence"] for number in known}) or ["none"], "ok": all_of(verdicts)}


def number_of(name):
    """The lab calls its vGPUs gpu0, gpu1...; QEMU has its own order."""
    return int(name.removeprefix("gpu"))


def band(readings, vgpu, from_s, to_s):
    """(least, most) that the driver had to send of VGPU between the two instants, or None."""
    values = [left[vgpu] for at_s, left, _ in readings if from_s <= at_s <= to_s]
    return (min(values), max(values)) if values else None


def rate_in(readings, vgpu, from_s, to_s):
    """What was written to VGPU between the two instants, bytes a second, or None."""
    inside = [(at_s, written[vgpu]) for at_s, _, written in readings if from_s <= at_s <= to_s]
    if len(inside) < 2 or inside[-1][0] - inside[0][0] < WINDOW_S / 3:
        return None
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def told_numbers(row, name):
    """(instant, sample before, sample after, vGPU's number, number object) of all samples with the guest running."""
    last_us = row["report"].get("prediction", {}).get("time_us", float("inf"))
    running = [(at_s, sample) for at_s, sample in row["samples"]
               if sample.get("phase") == "precopy" and "vgpus" in sample and sample["time_us"] <= last_us]
    for place, (at_s, sample) in enumerate(running):
        before_s = running[max(place - 1, 0)][0]
        after_s = running[min(place + 1, len(running) - 1)][0]
        for numbers in sample["vgpus"]:
            if name in numbers:
                yield at_s, before_s, after_s, number_of(numbers["id"]), numbers[name]


def left_figures(row):
    """Remaining vRAM beside the truth between the sample before and the sample after."""
    verdicts, misses, sources = [], [], set()
    for _, before_s, after_s, vgpu, number in told_numbers(row, "remaining_bytes"):
        true = band(row["readings"], vgpu, before_s, after_s)
        if true is None:
            continue
        sources.add("%s/%s" % (number["source"], number["confidence"]))
        over, under = number["value"] - true[1], true[0] - number["value"]
        if number["confidence"] in ("bound", "lower-bound"):
            verdicts.append((under if number["confidence"] == "bound" else over) <= BLOCK_BYTES)
            continue
        verdicts.append(max(over, under) <= BLOCK_BYTES)
        misses.append(max(over, under, 0))
    good, n = share(verdicts)
    return {"good": good, "n": n, "worst_bytes": max(misses, default=None), "sources": sorted(sources),
            "ok": None if n == 0 else good >= PART_OF_RUNS * n}


def rate_figures(row, link):
    """The dirty rate in the samples beside what was written in the window before."""
    verdicts, told, trues, how = [], [], [], set()
    for at_s, _, _, vgpu, number in told_numbers(row, "dirty_bytes_per_s"):
        true = rate_in(row["readings"], vgpu, at_s - WINDOW_S, at_s)
        if true is None:
            continue
        verdicts.append(is_rate(number, true, link))
        how.add(number["confidence"])
        if number["confidence"] == "measured":
            told.append(number["value"])
            trues.append(true)
    good, n = share(verdicts)
    return {"good": good, "n": n, "told": sum(told) / len(told) if told else None,
            "true": sum(trues) / len(trues) if trues else None, "how": sorted(how),
            "ok": None if n == 0 else good >= PART_OF_RUNS * n}


def downtime_figures(report):
    """The last prediction before the guest stopped, and the first there was, beside what it took."""
    measured = report.get("downtime_us")
    figures = {"measured": measured, "ok": None, "in_range": None, "parts": report.get("downtime_parts")}
    for name, key in (("first", "first_prediction"), ("last", "prediction")):
        figures[name] = report.get(key, {}).get("downtime_us")
    if measured is None:
        return figures
    last = figures["last"]
    figures["ok"] = last is not None and abs(last["likely"] - measured) <= PREDICTED * measured
    figures["in_range"] = last is not None and last["low"] <= measured <= last.get("high", measured)
    return figures


def figures(row, link):
    """All of one run's."""
    made = {"left": left_figures(row), "rate": rate_figures(row, link), "downtime": downtime_figures(row["report"]),
            "probe": probe_figures(row["probe"], link) if "probe" in row else None, "exit": row["exit"]}
    made["ok"] = row["exit"] == 0 and all_of(
        [made[name]["ok"] for name in ("left", "rate", "downtime", "probe") if made[name]]) is not False
    return made
