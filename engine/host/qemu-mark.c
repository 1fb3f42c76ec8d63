/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mark of a session in QEMU: see qemu-mark.h. */
#include "engine/host/qemu-mark.h"

#include "engine/util/error-host.h"

/* (transfer full) */
static char *
mark_id(const char *session)
{
	return g_strconcat("godwit-", session, NULL);
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
	gboolean has = FALSE;
	if (!qmp_has_object(self->qmp, id, &has, &error))
		g_debug("%s: %s", self->host, error->message);
	return has;
}
