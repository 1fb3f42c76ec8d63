/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The way to the model's kernel for processes that may not allocate: those that were forked beside
 * threads. A thread of the test answers, one call after the other, as the kernel's own lock would
 * have it. */
typedef struct _FakeGate FakeGate;

/* (transfer full): a socket in @root, and the thread. Fails the test when it cannot. */
FakeGate *fake_gate_new(const char *root);
void fake_gate_free(FakeGate *self);

/* What the model answers when @text is written to @target, an attribute without links in its path
 * below the "devices" of the root: 0 or an errno; ENODEV when the tree is gone. Only
 * async-signal-safe calls. */
int fake_gate_write(const char *target, const char *text);
