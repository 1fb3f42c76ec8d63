/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The transports of the data channels, as a plan knows them: by name, and by what they can do.
 * engine/channel implements them. Pure. */

/* X(word, carries_many, sees_bytes, hands_over): the simplest first. A new transport is a row here,
 * whose word is its name for --transport, and a file engine/channel/transport-<word>.c. */
#define TRANSPORT_KINDS(X)            \
	X(direct, FALSE, FALSE, TRUE) \
	X(relay, TRUE, TRUE, FALSE)

typedef struct {
	const char *name;
	gboolean carries_many; /* more than one channel */
	gboolean sees_bytes;   /* the stream passes through this process */
	gboolean hands_over;   /* QEMU gets descriptors through its monitor */
} TransportKind;

/* (nullable): the transport with this name, which may be NULL. */
const TransportKind *transport_kind_find(const char *name);
/* (not nullable): the simplest transport that can do what is asked for. @is_indirect: no descriptor
 * reaches QEMU through its monitor. */
const TransportKind *
transport_kind_choose(gboolean carries_many, gboolean sees_bytes, gboolean is_indirect);
