# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of channel that a guest can move over: the options for `godwit migrate`, and whether it is encrypted.

Where the kernel has no TLS, as on the test machine, a thread of ours encrypts what QEMU or the relay gives it.
"""

import collections

Kind = collections.namedtuple("Kind", "options tls")

KINDS = {
    "direct": Kind((), False),
    "relay": Kind(("--transport", "relay"), False),
    "multifd2": Kind(("--channels", "2"), False),
    "multifd4": Kind(("--channels", "4"), False),
    "tls": Kind((), True),
    "tls-relay": Kind(("--transport", "relay"), True),
    "tls-multifd2": Kind(("--channels", "2"), True),
    "tls-multifd4": Kind(("--channels", "4"), True),
}

# What a test moves over that does not say; run.py --channel.
usual = "direct"

# With one of these a test has chosen by itself.
CHOOSING = {"--transport", "--channels", "--account"}
