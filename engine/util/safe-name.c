/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of VMs, which a peer may have chosen, where they become a part of a path or a word for a
 * shell.
 */
#include "engine/util/safe-name.h"

#include <string.h>

#include "vfio/printable.h"

#define MAX_FILE_BYTES 160 /* a suffix has to follow */

char *
safe_name_escape(const char *name)
{
	g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
	if (escaped[0] != '.' && escaped[0] != '-')
		return g_steal_pointer(&escaped);
	return g_strdup_printf("%%%02X%s", (guint)escaped[0], escaped + 1);
}

char *
safe_name_for_file(const char *name)
{
	g_autofree char *escaped = safe_name_escape(name);
	if (strlen(escaped) <= MAX_FILE_BYTES)
		return g_steal_pointer(&escaped);
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
}

gboolean
safe_name_is_valid(const char *name)
{
	gsize len = strlen(name);
	if (len == 0 || len > SAFE_NAME_MAX_BYTES)
		return FALSE;
	g_autofree char *shown = printable_make(g_strdup(name), PRINTABLE_ONE_LINE);
	return strcmp(shown, name) == 0;
}
