# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts/bench is made of. It stands on tests/live, which it imports and never changes."""
