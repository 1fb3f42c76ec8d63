# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live tests: real QEMUs, real guests, the real binaries, on loopback. Run by run.py."""
