# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of channels for a migration: the options for `godwit migrate`, and whether the channel is encrypted.

If the kernel has no TLS, as on the test machine, a thread of Godwit encrypts the bytes of QEMU or the relay.
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
