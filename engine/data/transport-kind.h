/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The ways of the data channels to QEMU, as a plan knows them: by name, and by what they can do. How each does it
 * is in engine/channel. Pure. */

/* X(word, carries_many, sees_bytes): the simplest first. A new one is a row here, which is its name for
 * --transport, and a file engine/channel/transport-<word>.c. */
#define TRANSPORT_KINDS(X)      \
	X(direct, FALSE, FALSE) \
	X(relay, TRUE, TRUE)

typedef struct {
	const char *name;
	gboolean carries_many; /* more than one channel */
	gboolean sees_bytes;   /* the stream passes through this process */
} TransportKind;

/* (nullable): the one with that name, which may be NULL. */
const TransportKind *transport_kind_find(const char *name);
/* (not nullable): the simplest that can do both, where they are asked for. */
const TransportKind *transport_kind_choose(gboolean carries_many, gboolean sees_bytes);
