# SPDX-License-Identifier: LGPL-2.1-or-later
"""What --vram makes of a run: figures and verdicts, without a lab. Run by meson."""

import unittest

from benchlib import vram, vram_figures

MIB = 1 << 20
LINK = 4 * MIB


def number(value, confidence="measured", source="trace"):
    return {"value": value, "confidence": confidence, "source": source}


def make_run(told_left, told_rate, true_rate=MIB, predicted_us=1000000, measured_us=1000000):
    """Ten seconds in which 2 MiB are left; a look each 100 ms, a sample each second."""
    readings = [(at / 10, [2 * MIB], [at * true_rate / 10]) for at in range(101)]
    samples = [(float(at), {"phase": "precopy", "time_us": at, "vgpus": [
        {"id": "gpu0", "remaining_bytes": told_left, "dirty_bytes_per_s": told_rate}]}) for at in range(11)]
    predicted = {"low": predicted_us // 2, "likely": predicted_us, "high": predicted_us * 2}
    return {"exit": 0, "readings": readings, "samples": samples, "learned": None,
            "report": {"downtime_us": measured_us, "prediction": {"downtime_us": predicted, "time_us": 10}}}


class Rates(unittest.TestCase):
    """Beside the truth, by what they say of themselves."""

    def test_judged(self):
        for told, true, expected in ((number(105), 100, True), (number(111), 100, False), (number(89), 100, False),
                                     (number(50, "lower-bound"), 100, True), (number(120, "lower-bound"), 100, False),
                                     (number(129, "estimated"), 100, True), (number(131, "estimated"), 100, False),
                                     (None, 100, None), (number(0), 0, True), (number(5), 0, True),
                                     (number(50), 0, False)):
            self.assertEqual(vram_figures.is_rate(told, true, 1000), expected, (told, true))

    def test_probe(self):
        told = {"vgpus": [{"id": "gpu1", "dirty_bytes_per_s": number(2 * MIB)}, {"id": "gpu0", "note": "it sends nothing"}]}
        made = vram_figures.probe_figures({"told": told, "true_bytes_per_s": [0, 2 * MIB]}, LINK)
        self.assertEqual((made["ok"], made["told"], made["how"]), (True, 2 * MIB, ["measured"]))
        del told["vgpus"][1]["note"]
        self.assertFalse(vram_figures.probe_figures({"told": told, "true_bytes_per_s": [0, 2 * MIB]}, LINK)["ok"])


class Runs(unittest.TestCase):
    """All figures of one."""

    def test_good(self):
        made = vram_figures.figures(make_run(number(2 * MIB), number(MIB)), LINK)
        self.assertTrue(made["ok"])
        self.assertEqual((made["left"]["good"], made["left"]["n"]), (11, 11))
        self.assertEqual(made["rate"]["told"], MIB)
        self.assertTrue(made["downtime"]["in_range"])

    def test_left(self):
        for told, expected in ((number(5 * MIB), False), (number(0), False), (number(2 * MIB + MIB // 2), True),
                               (number(16 * MIB, "bound"), True), (number(0, "bound"), False),
                               (number(0, "lower-bound"), True), (number(4 * MIB, "lower-bound"), False)):
            made = vram_figures.left_figures(make_run(told, number(MIB)))
            self.assertEqual(made["ok"], expected, told)

    def test_downtime(self):
        for predicted, measured, ok, in_range in ((1000000, 1100000, True, True), (1000000, 1300000, False, True),
                                                  (1000000, 400000, False, False)):
            run = make_run(number(0), number(0), predicted_us=predicted, measured_us=measured)
            made = vram_figures.downtime_figures(run["report"])
            self.assertEqual((made["ok"], made["in_range"]), (ok, in_range))
        self.assertFalse(vram_figures.downtime_figures({"downtime_us": 5})["ok"])
        self.assertIsNone(vram_figures.downtime_figures({})["ok"])

    def test_in_all(self):
        self.assertTrue(vram_figures.is_enough(9, 10, "downtime"))
        self.assertFalse(vram_figures.is_enough(8, 10, "downtime"))
        self.assertFalse(vram_figures.is_enough(9, 10, "left"))

    def test_line(self):
        row = {"n_vgpus": 1, "precopy": True, "part_of_link": 0.25, "taught": True}
        row["figures"] = vram_figures.figures(make_run(number(2 * MIB), number(MIB)), LINK)
        self.assertIn("taught 0.25", vram.line(row))
        self.assertIn("no lab", vram.line(dict(row, failed="x\nno lab")))


if __name__ == "__main__":
    unittest.main()
