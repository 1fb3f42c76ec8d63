# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of channel that a guest can move over: their options for `godwit migrate`."""

KINDS = {
    "direct": (),
    "relay": ("--transport", "relay"),
    "multifd2": ("--channels", "2"),
    "multifd4": ("--channels", "4"),
}
