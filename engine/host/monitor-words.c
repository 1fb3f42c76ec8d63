/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a monitor cannot be used, for people: they give a TCP address, a human monitor, a file, the
 * socket of a QEMU that has ended, or a monitor that another program uses.
 */
#include "engine/host/monitor-words.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/host/monitor-holder.h"
#include "qmp/qmp-error.h"

#define UNIX_MONITOR "-qmp unix:PATH,server=on,wait=off"

/* "tcp:127.0.0.1:4444", "127.0.0.1:4444", "[::1]:4444", and "unix:PATH", which is an option's
 * value. */
static gboolean
is_address(const char *path)
{
	const char *colon = strrchr(path, ':');
	if (g_str_has_prefix(path, "tcp:") || g_str_has_prefix(path, "telnet:"))
		return TRUE;
	return strchr(path, '/') == NULL && colon != NULL && colon[1] != '\0' &&
	       strspn(colon + 1, "0123456789") == strcspn(colon + 1, ",");
}

static const char *
describe_file(const char *path)
{
	struct stat info;
	if (is_address(path) && stat(path, &info) != 0)
		return "Godwit speaks with a monitor on a UNIX socket only (" UNIX_MONITOR
		       "), and this is a TCP address";
	if (g_str_has_prefix(path, "unix:"))
		return "give the path alone, without 'unix:' and options";
	if (stat(path, &info) != 0)
		return NULL;
	if (!S_ISSOCK(info.st_mode))
		return "it is not a UNIX socket";
	return "nothing listens there: the QEMU that made this socket has ended";
}

static char *
describe_silence(const char *path, const GError *cause)
{
	g_autofree char *holder = monitor_holder_find(path);
	if (holder != NULL)
		return g_strdup_printf("the monitor is busy: another client has it, %s", holder);
	return g_strdup_printf("%s, or it is not a QMP monitor", cause->message);
}

char *
monitor_explain(const char *path, const GError *cause)
{
	if (g_error_matches(cause, QMP_ERROR, QMP_ERROR_BUSY))
		return describe_silence(path, cause);
	if (g_error_matches(cause, QMP_ERROR, QMP_ERROR_PROTOCOL))
		return g_strdup_printf("%s: it is not a QMP monitor, perhaps QEMU's human one "
				       "(-monitor): give QEMU a QMP monitor (" UNIX_MONITOR ")",
				       cause->message);
	const char *hint = cause->domain == G_IO_ERROR ? describe_file(path) : NULL;
	return hint != NULL ? g_strdup_printf("%s: %s", cause->message, hint)
			    : g_strdup(cause->message);
}
