/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The journal of one side of one run: STATE_DIR/SESSION.source or SESSION.destination, one JSON
 * object a line. Lines are only appended. The first line has the facts that are known at the start.
 * Every line has "phase". A line at the end that was cut short by a crash counts as not written.
 *
 * There are two kinds of crash. A process may die at any instruction: what it has passed to
 * write(2) stays. A host may die: what was not synced is lost, but all QEMUs on the host are gone
 * too, and "boot_id" shows it. So an intent that permits more ("setup": from here on a commit may
 * follow) is synced while time is cheap. The commit's own line is written while the guest is
 * stopped, and needs no sync: after a crash of the host a reader of "setup" from an earlier boot
 * knows that a commit may be missing, and does not guess.
 *
 * The owner holds flock(2) on the file. If the lock can be taken, the owner is dead.
 */
#include "engine/record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/record/ownership.h"
#include "engine/record/state-dir.h"
#include "engine/util/json-parse.h"
#include "engine/util/safe-file.h"

#define JOURNAL_MAX_BYTES (1024 * 1024)

/* The settings of a QEMU are the largest facts, some KiB. */
static const JsonLimits line_limits = {
	.bytes = 256 * 1024,
	.string_bytes = 64 * 1024,
	.heap_bytes = 4 * 1024 * 1024,
	.depth = 16,
};

static const char *const phase_words[N_JOURNAL_PHASES] = {
	[JOURNAL_BEGIN] = "begin",	   [JOURNAL_VGPUS] = "vgpus",
	[JOURNAL_STARTED] = "started",	   [JOURNAL_PREPARE] = "prepare",
	[JOURNAL_SETUP] = "setup",	   [JOURNAL_PRECOPY] = "precopy",
	[JOURNAL_PROBE] = "probe",	   [JOURNAL_COMMIT] = "commit",
	[JOURNAL_COMMITTED] = "committed", [JOURNAL_RUNNING] = "running",
	[JOURNAL_RESTORED] = "restored",
};

struct Journal {
	int fd;
	char *path;
	char *session;
	char *boot_id;	    /* of this boot */
	char *phase;	    /* (nullable) */
	GHashTable *phases; /* set of the phases written */
	JsonObject *facts;  /* all lines merged; later members win */
	off_t good_bytes;   /* the whole lines at the file's begin */
};

static const char *const role_suffix[] = {
	[SIDE_SOURCE] = ".source",
	[SIDE_DESTINATION] = ".destination",
};

const char *
journal_phase_to_string(JournalPhase phase)
{
	return phase_words[phase];
}

static gboolean
session_is_safe(const char *session)
{
	return *session != '\0' && strlen(session) <= 64 &&
	       strspn(session, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
		       strlen(session);
}

/* (transfer full) */
static char *
make_path(const char *state_dir, const char *session, Side role)
{
	return g_strconcat(state_dir, "/", session, role_suffix[role], NULL);
}

gboolean
journal_may_exist(const char *state_dir, const char *session, Side role)
{
	g_autofree char *path = make_path(state_dir, session, role);
	GStatBuf status;
	return g_lstat(path, &status) == 0 || errno != ENOENT;
}

static Journal *
new_with_fd(int fd, char *path, const char *session)
{
	Journal *self = g_new0(Journal, 1);
	self->fd = fd;
	self->path = path;
	self->session = g_strdup(session);
	self->boot_id = state_dir_get_boot_id();
	self->phases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->facts = json_object_new();
	return self;
}

void
journal_free(Journal *self)
{
	if (self == NULL)
		return;
	close(self->fd);
	g_free(self->path);
	g_free(self->session);
	g_free(self->boot_id);
	g_free(self->phase);
	g_hash_table_unref(self->phases);
	json_object_unref(self->facts);
	g_free(self);
}

/* Merges @line into the facts; %FALSE if it is not one of our lines. */
static gboolean
apply_line(Journal *self, JsonObject *line)
{
	JsonNode *phase = json_object_get_member(line, "phase");
	if (phase == NULL || json_node_get_value_type(phase) != G_TYPE_STRING)
		return FALSE;
	g_free(self->phase);
	self->phase = json_node_dup_string(phase);
	g_hash_table_add(self->phases, g_strdup(self->phase));

	g_autoptr(GList) names = json_object_get_members(line);
	for (GList *n = names; n != NULL; n = n->next)
		json_object_set_member(self->facts, n->data, json_object_dup_member(line, n->data));
	return TRUE;
}

static gboolean
write_all(int fd, const char *text, gsize len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		text += n;
		len -= (gsize)n;
	}
	return TRUE;
}

/* Removes what follows the last whole line: the next line would be joined to it and lost with
 * it. */
static gboolean
drop_torn_end(Journal *self, GError **error)
{
	if (ftruncate(self->fd, self->good_bytes) < 0)
		return state_dir_fail_errno("cannot cut", self->path, error);
	return TRUE;
}

gboolean
journal_append(Journal *self, JournalPhase phase, JsonObject *facts, GError **error)
{
	g_autoptr(JsonObject) line = facts != NULL ? facts : json_object_new();
	json_object_set_string_member(line, "phase", phase_words[phase]);

	g_autoptr(JsonNode) node = json_node_alloc();
	json_node_init_object(node, line);
	g_autofree char *text = json_to_string(node, FALSE);
	g_autofree char *whole = g_strconcat(text, "\n", NULL);
	if (!write_all(self->fd, whole, strlen(whole))) {
		state_dir_fail_errno("cannot write", self->path, error);
		if (!drop_torn_end(self, NULL))
			g_debug("'%s' ends in half a line", self->path);
		return FALSE;
	}
	self->good_bytes += (off_t)strlen(whole);
	apply_line(self, line);
	return TRUE;
}

gboolean
journal_sync(Journal *self, GError **error)
{
	if (fdatasync(self->fd) < 0)
		return state_dir_fail_errno("cannot sync", self->path, error);
	return TRUE;
}

static gboolean
sync_folder(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gboolean synced = fd >= 0 && fsync(fd) == 0;
	if (!synced)
		state_dir_fail_errno("cannot sync", path, error);
	if (fd >= 0)
		close(fd);
	return synced;
}

/* A visible journal has an owner already: it is locked before it gets its name. */
static gboolean
write_first_line(Journal *self, const char *temporary, JsonObject *facts, GError **error)
{
	g_autofree char *machine_id = state_dir_get_machine_id();
	json_object_set_string_member(facts, "boot_id", self->boot_id);
	json_object_set_string_member(facts, "machine_id", machine_id);
	if (flock(self->fd, LOCK_EX | LOCK_NB) < 0)
		return state_dir_fail_errno("cannot lock", temporary, error);
	if (!journal_append(self, JOURNAL_BEGIN, json_object_ref(facts), error) ||
	    !journal_sync(self, error))
		return FALSE;
	return link(temporary, self->path) == 0 ||
	       state_dir_fail_errno("cannot make", self->path, error);
}

Journal *
journal_create(const char *state_dir, const char *session, Side role, JsonObject *facts,
	       GError **error)
{
	g_autoptr(JsonObject) first = facts != NULL ? facts : json_object_new();
	g_return_val_if_fail(session_is_safe(session), NULL);

	if (g_mkdir_with_parents(state_dir, 0700) < 0) {
		state_dir_fail_errno("cannot make the state folder", state_dir, error);
		return NULL;
	}
	char *path = make_path(state_dir, session, role);
	g_autofree char *temporary = g_strconcat(path, ".new", NULL);
	int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		state_dir_fail_errno("cannot make", temporary, error);
		g_free(path);
		return NULL;
	}
	g_autoptr(Journal) self = new_with_fd(fd, path, session);
	gboolean named = write_first_line(self, temporary, first, error);
	unlink(temporary);
	if (!named)
		return NULL;
	if (sync_folder(state_dir, error))
		return g_steal_pointer(&self);
	journal_remove(self);
	return NULL;
}

/* A whole line that is malformed does not come from a crash: what follows it may be the commit. */
static gboolean
set_damaged(Journal *self, GError **error)
{
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "'%s' is %s", self->path,
		    self->phase != NULL ? "damaged" : "not a journal");
	return FALSE;
}

/* What was cut short by a crash has no line feed and does not count. @ret_len: of the file */
static gboolean
read_lines(Journal *self, gsize *ret_len, GError **error)
{
	gsize len = 0;
	g_autofree char *text =
		safe_file_read_fd(self->fd, self->path, JOURNAL_MAX_BYTES, &len, error);
	if (text == NULL)
		return FALSE;
	const char *line = text, *end;
	while ((end = memchr(line, '\n', len - (gsize)(line - text))) != NULL) {
		g_autoptr(JsonNode) node =
			parse_object(line, (gsize)(end - line), &line_limits, NULL);
		if (node == NULL || !apply_line(self, json_node_get_object(node)))
			return set_damaged(self, error);
		line = end + 1;
	}
	self->good_bytes = line - text;
	*ret_len = len;
	return self->phase != NULL || set_damaged(self, error);
}

static gboolean
read_whole(Journal *self, GError **error)
{
	gsize len;
	return read_lines(self, &len, error) &&
	       ((gsize)self->good_bytes == len || drop_torn_end(self, error));
}

/* On shared storage, or in a copy, it may be another host's. That host's QEMUs are not dead because
 * they are not here, and its boot id says nothing of its boots. */
static gboolean
check_machine(Journal *self, GError **error)
{
	g_autofree char *ours = state_dir_get_machine_id();
	const char *its = journal_get_string(self, "machine_id");
	if (its == NULL || *its == '\0' || *ours == '\0' || strcmp(its, ours) == 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR,
		    "'%s' is of another host (machine id %.40s): settle it there", self->path, its);
	return FALSE;
}

Journal *
journal_open(const char *state_dir, const char *session, Side role, GError **error)
{
	if (!session_is_safe(session)) {
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "'%s' is not a session id",
			    session);
		return NULL;
	}
	char *path = make_path(state_dir, session, role);
	g_autoptr(GError) cause = NULL;
	int fd = safe_file_open(path, O_RDWR | O_APPEND, JOURNAL_MAX_BYTES, &cause);
	if (fd < 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "journal %s", cause->message);
		g_free(path);
		return NULL;
	}
	g_autoptr(Journal) self = new_with_fd(fd, path, session);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_BUSY, "session %s is under way", session);
		return NULL;
	}
	/* Its owner may have removed it between our open and our lock. */
	if (g_access(path, F_OK) < 0) {
		state_dir_fail_errno("cannot open", path, error);
		return NULL;
	}
	return read_whole(self, error) && check_machine(self, error) ? g_steal_pointer(&self)
								     : NULL;
}

Journal *
journal_peek(const char *state_dir, const char *session, Side role)
{
	g_autofree char *path =
		session_is_safe(session) ? make_path(state_dir, session, role) : NULL;
	int fd = path != NULL ? safe_file_open(path, O_RDONLY, JOURNAL_MAX_BYTES, NULL) : -1;
	if (fd < 0)
		return NULL;
	g_autoptr(Journal) self = new_with_fd(fd, g_steal_pointer(&path), session);
	gsize len;
	return read_lines(self, &len, NULL) ? g_steal_pointer(&self) : NULL;
}

void
journal_remove(Journal *self)
{
	unlink(self->path);
}

const char *
journal_get_session(Journal *self)
{
	return self->session;
}

/* A source whose VM has no name may have found the record by the monitor's path. */
const char *
journal_get_record_name(Journal *self)
{
	const char *found = journal_get_string(self, "record");
	return found != NULL ? found
			     : ownership_choose_name(journal_get_string(self, "vm"),
						     journal_get_string(self, "qmp"));
}

const char *
journal_get_phase(Journal *self)
{
	return self->phase;
}

gboolean
journal_has_phase(Journal *self, JournalPhase phase)
{
	return g_hash_table_contains(self->phases, phase_words[phase]);
}

gboolean
journal_is_from_earlier_boot(Journal *self)
{
	return g_strcmp0(journal_get_string(self, "boot_id"), self->boot_id) != 0;
}

JsonNode *
journal_get_node(Journal *self, const char *name)
{
	return json_object_get_member(self->facts, name);
}

const char *
journal_get_string(Journal *self, const char *name)
{
	JsonNode *node = journal_get_node(self, name);
	if (node == NULL || json_node_get_value_type(node) != G_TYPE_STRING)
		return NULL;
	return json_node_get_string(node);
}

gint64
journal_get_int(Journal *self, const char *name, gint64 fallback)
{
	JsonNode *node = journal_get_node(self, name);
	if (node == NULL || json_node_get_value_type(node) != G_TYPE_INT64)
		return fallback;
	return json_node_get_int(node);
}

gboolean
journal_get_boolean(Journal *self, const char *name)
{
	JsonNode *node = journal_get_node(self, name);
	return node != NULL && json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
	       json_node_get_boolean(node);
}

void
journal_name_free(JournalName *self)
{
	if (self == NULL)
		return;
	g_free(self->session);
	g_free(self);
}

static JournalName *
parse_name(const char *file)
{
	for (guint role = 0; role < G_N_ELEMENTS(role_suffix); role++) {
		if (!g_str_has_suffix(file, role_suffix[role]))
			continue;
		g_autofree char *session =
			g_strndup(file, strlen(file) - strlen(role_suffix[role]));
		if (!session_is_safe(session))
			return NULL;
		JournalName *name = g_new0(JournalName, 1);
		name->session = g_steal_pointer(&session);
		name->role = role;
		return name;
	}
	return NULL;
}

GPtrArray *
journal_list(const char *state_dir, GError **error)
{
	g_autoptr(GPtrArray) names =
		g_ptr_array_new_with_free_func((GDestroyNotify)journal_name_free);
	if (!g_file_test(state_dir, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&names);

	g_autoptr(GError) local_error = NULL;
	g_autoptr(GDir) dir = g_dir_open(state_dir, 0, &local_error);
	if (dir == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot read '%s': %s", state_dir,
			    local_error->message);
		return NULL;
	}
	for (const char *file; (file = g_dir_read_name(dir)) != NULL;) {
		JournalName *name = parse_name(file);
		if (name != NULL)
			g_ptr_array_add(names, name);
	}
	return g_steal_pointer(&names);
}
