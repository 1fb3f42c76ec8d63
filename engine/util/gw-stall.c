/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words for what to do when a migration does not converge.
 */
#include "engine/gw-stall.h"

static const char *const words[] = {
	[GW_ON_STALL_WAIT] = "wait",
	[GW_ON_STALL_THROTTLE] = "throttle",
	[GW_ON_STALL_EXTEND] = "extend",
	[GW_ON_STALL_ABORT] = "abort",
};

const char *
gw_on_stall_to_string(GwOnStall on_stall)
{
	return (guint)on_stall < G_N_ELEMENTS(words) ? words[on_stall] : "abort";
}

gboolean
gw_on_stall_from_string(const char *word, GwOnStall *ret_on_stall)
{
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_strcmp0(words[i], word) == 0) {
			*ret_on_stall = (GwOnStall)i;
			return TRUE;
		}
	}
	return FALSE;
}
