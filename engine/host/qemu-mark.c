/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mark of a session in QEMU: see qemu-mark.h. */
#include "engine/host/qemu-mark.h"

#include <string.h>

#include "engine/util/error-host.h"

#define PREFIX "godwit-"

/* (transfer full) */
static char *
mark_id(const char *session)
{
	return g_strconcat(PREFIX, session, NULL);
}

gboolean
qemu_mark(Qemu *self, const char *session, GError **error)
{
	g_autofree char *id = mark_id(session);
	if (qmp_add_secret(self->qmp, id, error))
		return TRUE;
	error_add_host(error, self->host);
	return FALSE;
}

void
qemu_unmark(Qemu *self, const char *session)
{
	g_autofree char *id = mark_id(session);
	g_autoptr(GError) error = NULL;
	if (self->closed == NULL && !qmp_remove_object(self->qmp, id, &error))
		g_debug("%s: %s", self->host, error->message);
}

gboolean
qemu_has_mark(Qemu *self, const char *session)
{
	g_autofree char *id = mark_id(session);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) ids = qmp_list_objects(self->qmp, &error);
	if (ids == NULL)
		g_debug("%s: %s", self->host, error->message);
	return ids != NULL && g_strv_contains((const char *const *)ids, id);
}

char *
qemu_find_other_mark(Qemu *self, const char *session)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) ids = qmp_list_objects(self->qmp, &error);
	for (guint i = 0; ids != NULL && ids[i] != NULL; i++) {
		const char *other = ids[i] + strlen(PREFIX);
		if (g_str_has_prefix(ids[i], PREFIX) && g_uuid_string_is_valid(other) &&
		    strcmp(other, session) != 0)
			return g_strdup(other);
	}
	return NULL;
}
