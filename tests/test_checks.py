# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checks of the tree find what they are there for: each is run on a small tree with a fault put in."""

import pathlib
import subprocess
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent

# One function that calls another, as clang-format leaves it.
CODE = """/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "%(include)s"

%(static)svoid
%(name)s(void)
{
\t%(body)s;
}
"""


def code(name, body="", include="engine/gw-a.h", static=""):
    """A .c file with one function."""
    return CODE % {"name": name, "body": body, "include": include, "static": static}


# engine/host calls and includes engine/util, and nothing else does anything.
GOOD = {
    "engine/meson.build": "",
    "engine/gw-a.h": "void gw_a(void);\n",
    "engine/util/low.h": "void low(void);\n",
    "engine/util/low.c": code("low", include="engine/util/low.h"),
    "engine/host/high.c": code("high", "low()", include="engine/util/low.h"),
}


class Check(unittest.TestCase):
    """A check, run on GOOD with some files changed."""

    check = None

    def run_on(self, changes):
        """Its exit code and what it prints."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**GOOD, **changes}.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([str(TESTS / self.check), folder], stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def assert_finds(self, changes, text):
        """It finds one thing, and says @text."""
        code_, output = self.run_on(changes)
        self.assertEqual(code_, 1, output)
        self.assertIn("\n1 findings\n", output)
        self.assertIn(text, output)

    def assert_passes(self, changes):
        """It finds nothing."""
        code_, output = self.run_on(changes)
        self.assertEqual(code_, 0, output)


class Layers(Check):
    """check-layers."""

    check = "check-layers"

    def test_good(self):
        self.assert_passes({})

    def test_wide_lines(self):
        """A tab is eight columns; they are counted, and are no finding."""
        code_, output = self.run_on({"engine/util/wide.h": "/*\t%s */\n/* %s */\n" % ("x" * 90, "x" * 94)})
        self.assertEqual(code_, 0, output)
        self.assertIn("\n1 lines over 100 columns, most of them in: engine/util/wide.h (1)", output)

    def test_upward_include(self):
        self.assert_finds({"engine/util/up.c": code("up", include="engine/host/high.h"), "engine/host/high.h": ""},
                          "engine/util/up.c:2: engine/util/ includes 'engine/host/high.h'")

    def test_one_end_includes_the_other(self):
        self.assert_finds({"engine/source/a.c": code("a", include="engine/agent/b.h"), "engine/agent/b.h": ""},
                          "engine/source/ includes 'engine/agent/b.h'")
        self.assert_finds({"engine/agent/a.c": code("a", include="engine/source/b.h"), "engine/source/b.h": ""},
                          "engine/agent/ includes 'engine/source/b.h'")

    def test_part_of_qmp(self):
        changes = {"qmp/await.h": "", "qmp/qmp-client.h": ""}
        self.assert_passes({**changes, "engine/util/a.c": code("a", include="qmp/await.h")})
        self.assert_finds({**changes, "engine/util/a.c": code("a", include="qmp/qmp-client.h")},
                          "engine/util/ includes 'qmp/qmp-client.h'")

    def test_public_header_includes_a_room(self):
        self.assert_finds({"engine/gw-b.h": '#include "engine/util/low.h"\n'},
                          "a public header includes 'engine/util/low.h'")

    def test_engine_folder(self):
        self.assert_finds({"engine/stray.c": code("stray")}, "engine/stray.c: is no public header")
        self.assert_finds({"engine/cellar/a.c": code("a")}, "engine/cellar: is no room")


class Circles(Check):
    """check-circles."""

    check = "check-circles"

    def test_good(self):
        self.assert_passes({})

    def test_two_files(self):
        self.assert_finds({"engine/util/a.c": code("a", "b()"), "engine/util/b.c": code("b", "a()")},
                          "a circle of 2 files:\n    a -> b: a() calls b()\n    b -> a: b() calls a()")

    def test_three_files_and_a_room(self):
        self.assert_finds({"qmp/a.c": code("a", "if (b() > 0) a()"), "qmp/b.c": code("b", "(void)c (1)"),
                           "qmp/c.c": code("c", "a()")}, "a circle of 3 files:")

    def test_cleanup(self):
        self.assert_finds({"engine/util/a.c": code("a_free", "b()"),
                           "engine/util/a.h": "G_DEFINE_AUTOPTR_CLEANUP_FUNC(A, a_free)\n",
                           "engine/util/b.c": code("b", "g_autoptr(A) a = NULL")}, "b -> a: b() calls a_free()")

    def test_macro(self):
        self.assert_finds({"engine/util/a.h": "#define A(x) \\\n\tdo_a(x)\n",
                           "engine/util/a.c": code("do_a", "b()"),
                           "engine/util/b.c": code("b", "A(1)")}, "b -> a: b() calls A()")

    def test_no_call(self):
        """A pointer, a comment, a string, a member, a static function of the same name."""
        for body in ("give(a)", "/* a() */", 'give("a()")', "self->a()", "self.a()"):
            self.assert_passes({"engine/util/a.c": code("a", "b()"), "engine/util/b.c": code("b", body)})
        self.assert_passes({"engine/util/a.c": code("a", "b()"),
                            "engine/util/b.c": code("b", "a()") + code("a", static="static ")})

    def test_unused(self):
        """Told and no finding; neither is what a pointer, a cleanup or a public header uses."""
        told = "called by tests only, or by nobody: %s\n"
        self.assertIn(told % "high", self.run_on({})[1])
        for other in ({"engine/util/a.c": code("a", "give(high)", static="static ")},
                      {"engine/host/high.h": "G_DEFINE_AUTOPTR_CLEANUP_FUNC(A, high)\n"},
                      {"engine/gw-b.h": "void high(void);\n"}):
            self.assertIn(told % "none", self.run_on(other)[1])

    def test_upward_call(self):
        self.assert_finds({"engine/util/up.c": code("up", "high()")}, "up -> high: up() calls high()")

    def test_two_files_of_one_name(self):
        self.assert_finds({"engine/data/low.c": code("other")}, "another file has this name")


# What check-readme wants of a tree.
TITLES = ("# Godwit", "## Two commands", "## Install", "## Two hosts", "## See, cancel", "## Exit codes", "## vGPUs",
          "## In your own program", "## The tree")
READMES = {"%s/README.md" % folder: "" for folder in ("qmp", "vfio", "tools", "tests", "tests/lab", "scripts")}
READMES["README.md"] = "\n".join(TITLES) + "\n"
READMES["engine/util/meson.build"] = ""
READMES["engine/README.md"] = "| util | what |\n"


class Readme(Check):
    """check-readme."""

    check = "check-readme"

    def run_on(self, changes):
        return super().run_on({**READMES, **changes})

    def test_good(self):
        self.assert_passes({"qmp/README.md": "`low()` of `util/low.c`, `engine/util/`, `low.c`, [this](../README.md), "
                                             "`foo.c`, `NAME.c`, `/etc/x.json`, `a b.c`\n```\n`none.c`\n```\n"})

    def test_no_such_thing(self):
        for text, found in (("`none.c`", "there is no 'none.c'"), ("`util/none.c`", "there is no 'util/none.c'"),
                            ("`engine/none/`", "there is no 'engine/none/'"), ("`none(x)`, `none()`", "no none()"),
                            ("[this](none.md)", "the link to 'none.md' goes nowhere")):
            self.assert_finds({"qmp/README.md": text}, found)

    def test_first(self):
        self.assert_finds({"README.md": READMES["README.md"] + 145 * "line\n"}, "154 lines, more than 150")
        self.assert_finds({"README.md": READMES["README.md"].replace(TITLES[-1], "## Thanks")},
                          "'Thanks' stands where 'The tree' should")

    def test_columns(self):
        self.assert_finds({"vfio/README.md": "\n" + 121 * "x"}, "vfio/README.md:2: 121 columns")
        self.assert_passes({"vfio/README.md": "| %s |\n" % (121 * "x")})

    def test_rooms(self):
        self.assert_finds({"engine/host/meson.build": ""}, "the room 'host' is not in the table")

    def test_comment(self):
        self.assert_finds({"qmp/a.c": "/*\n * See none.c.\n */\n"}, "qmp/a.c:2: there is no 'none.c'")
        self.assert_finds({"qmp/a.c": "/* engine/low.c */\n"}, "qmp/a.c:1: there is no 'engine/low.c'")
        self.assert_passes({"qmp/a.c": "/* low.c, engine/util/low.c, hw/vfio/none.c, <none.h> */\nint none.c;\n"})

    def test_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([str(TESTS / self.check), folder], stdout=subprocess.PIPE, text=True, check=False)
        self.assertIn("scripts/README.md: is not there", done.stdout)


if __name__ == "__main__":
    unittest.main()
