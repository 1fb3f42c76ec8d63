/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder where a run writes its journal, and the identity of its agent. */
#include "engine/record/state-dir.h"

#include <errno.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/gw-session.h"
#include "engine/util/safe-file.h"

char *
gw_default_state_dir(void)
{
	if (geteuid() == 0)
		return g_strdup("/var/lib/godwit");
	return g_build_filename(g_get_user_state_dir(), "godwit", NULL);
}

char *
state_dir_choose(const char *state_dir)
{
	return state_dir != NULL ? g_strdup(state_dir) : gw_default_state_dir();
}

#define MAX_ID_BYTES 64

static char *
make_agent_id(const char *state_dir, const char *path, GError **error)
{
	g_autofree char *id = g_uuid_string_random();
	g_autoptr(GError) cause = NULL;
	if (g_mkdir_with_parents(state_dir, 0700) == 0 &&
	    g_file_set_contents_full(path, id, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				     0600, &cause))
		return g_steal_pointer(&id);
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot write '%s': %s", path,
		    cause != NULL ? cause->message : "cannot make its folder");
	return NULL;
}

/* Whether two agents are one is decided by it: one that others could have written is refused. */
static char *
read_agent_id(const char *path, GError **error)
{
	gsize len = 0;
	g_autofree char *text = safe_file_read(path, MAX_ID_BYTES, &len, error);
	return text != NULL && g_uuid_string_is_valid(g_strstrip(text)) ? g_steal_pointer(&text)
									: NULL;
}

char *
state_dir_peek_agent_id(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, "agent-id", NULL);
	return read_agent_id(path, NULL);
}

char *
state_dir_get_agent_id(const char *state_dir, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, "agent-id", NULL);
	g_autoptr(GError) cause = NULL;
	char *known = read_agent_id(path, &cause);
	if (known != NULL)
		return known;
	if (cause == NULL || g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return make_agent_id(state_dir, path, error);
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "this host's identity: %s",
		    cause->message);
	return NULL;
}

/* (transfer full): empty where there is no such file. */
static char *
read_id(const char *path)
{
	char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("");
	return g_strstrip(text);
}

char *
state_dir_get_boot_id(void)
{
	return read_id("/proc/sys/kernel/random/boot_id");
}

char *
state_dir_get_machine_id(void)
{
	return read_id("/etc/machine-id");
}

gboolean
state_dir_fail_errno(const char *what, const char *path, GError **error)
{
	int code = errno;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s '%s': %s", what, path,
		    g_strerror(code));
	return FALSE;
}
