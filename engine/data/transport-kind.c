/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A transport is chosen by what it can do, never by its name: see transport-kind.h for how to add
 * one. */
#include "engine/data/transport-kind.h"

static const TransportKind kinds[] = {
#define X(word, carries_many, sees_bytes, hands_over) \
	{ #word, carries_many, sees_bytes, hands_over },
	TRANSPORT_KINDS(X)
#undef X
};

const TransportKind *
transport_kind_find(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_strcmp0(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const TransportKind *
transport_kind_choose(gboolean carries_many, gboolean sees_bytes, gboolean is_indirect)
{
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if ((kinds[i].carries_many || !carries_many) &&
		    (kinds[i].sees_bytes || !sees_bytes) && (!kinds[i].hands_over || !is_indirect))
			return &kinds[i];
	g_return_val_if_reached(NULL); /* one row can do both */
}
