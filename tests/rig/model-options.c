/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of model-qemu: a little of QEMU's and its own. It never fails: what it does not
 * know it skips, as a VM file may say anything to a real QEMU.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rig/model-machine.h"

static void
set(char **slot, const char *value)
{
	g_free(*slot);
	*slot = g_strdup(value);
}

/* "unix:/path,server=on" */
static void
set_qmp(ModelOptions *self, const char *value)
{
	if (!g_str_has_prefix(value, "unix:"))
		return;
	set(&self->qmp_path, value + strlen("unix:"));
	self->qmp_path[strcspn(self->qmp_path, ",")] = '\0';
}

static void
set_pair(GHashTable *table, const char *value)
{
	const char *equals = strchr(value, '=');

	if (equals != NULL)
		g_hash_table_insert(table, g_strndup(value, equals - value), g_strdup(equals + 1));
}

static void
set_stderr_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0)
		close(fd);
}

static void
set_stderr_pipe(void)
{
	int fds[2];
	if (pipe(fds) == 0 && dup2(fds[1], STDERR_FILENO) >= 0)
		close(fds[1]);
}

/* A FIFO with a name whose reader is gone; an unnamed pipe can be opened all the same. */
static void
set_stderr_dead(void)
{
	g_autofree char *path = g_strdup_printf("%s/model-stderr-%d", g_get_tmp_dir(), getpid());
	if (mkfifo(path, 0600) != 0)
		return;
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int writer = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	dup2(writer, STDERR_FILENO);
	close(writer);
	close(reader);
}

static void
add_trace(ModelOptions *self, const char *line)
{
	g_autofree char *before = self->trace;
	self->trace = g_strconcat(before != NULL ? before : "", line, "\n", NULL);
}

static gboolean
parse_flag(ModelOptions *self, const char *name)
{
	if (g_str_equal(name, "S"))
		self->stopped = TRUE;
	else if (g_str_equal(name, "deaf"))
		self->deaf = TRUE;
	else if (g_str_equal(name, "modern"))
		self->modern = TRUE;
	else if (g_str_equal(name, "swap-events"))
		self->swap_events = TRUE;
	else if (g_str_equal(name, "cancel-late"))
		self->cancel_late = TRUE;
	else if (g_str_equal(name, "cancel-hangs"))
		self->cancel_hangs = TRUE;
	else if (g_str_equal(name, "fails-paused"))
		self->fails_paused = TRUE;
	else if (g_str_equal(name, "stderr-pipe"))
		set_stderr_pipe();
	else if (g_str_equal(name, "stderr-dead"))
		set_stderr_dead();
	else if (g_str_equal(name, "die-with-parent"))
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		return g_str_equal(name, "nodefaults") || g_str_equal(name, "no-reboot") ||
		       g_str_equal(name, "nographic") || g_str_equal(name, "enable-kvm");
	return TRUE;
}

static gboolean
parse_text(ModelOptions *self, const char *name, const char *value)
{
	const struct {
		const char *name;
		char **slot;
	} rows[] = {
		{ "name", &self->name },       { "uuid", &self->uuid },
		{ "machine", &self->machine }, { "M", &self->machine },
		{ "log", &self->log_path },    { "cont-stderr", &self->cont_stderr },
		{ "blocked", &self->blocked }, { "commands", &self->commands_path },
		{ "earlier", &self->earlier }, { "state", &self->state },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (!g_str_equal(name, rows[i].name))
			continue;
		set(rows[i].slot, value);
		return TRUE;
	}
	return FALSE;
}

static gboolean
parse_number(ModelOptions *self, const char *name, const char *value)
{
	const struct {
		const char *name;
		gint64 *slot;
	} rows[] = {
		{ "m", &self->ram_mib },	   { "smp", &self->vcpus },
		{ "active-ms", &self->active_ms }, { "device-ms", &self->device_ms },
		{ "resume-ms", &self->resume_ms }, { "passes-per-s", &self->passes_per_s },
		{ "tidy-ms", &self->tidy_ms },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (!g_str_equal(name, rows[i].name))
			continue;
		*rows[i].slot = g_ascii_strtoll(value, NULL, 10);
		return TRUE;
	}
	return FALSE;
}

static void
parse_value(ModelOptions *self, const char *name, const char *value)
{
	if (parse_text(self, name, value) || parse_number(self, name, value))
		return;
	if (g_str_equal(name, "qmp"))
		set_qmp(self, value);
	else if (g_str_equal(name, "stderr"))
		set_stderr_file(value);
	else if (g_str_equal(name, "incoming"))
		self->incoming = TRUE;
	else if (g_str_equal(name, "on"))
		set_pair(self->on, value);
	else if (g_str_equal(name, "at"))
		set_pair(self->at, value);
	else if (g_str_equal(name, "word"))
		set_pair(self->words, value);
	else if (g_str_equal(name, "late"))
		set_pair(self->late, value);
	else if (g_str_equal(name, "trace"))
		add_trace(self, value);
	else if (g_str_equal(name, "capability"))
		g_hash_table_add(self->capabilities, g_strdup(value));
}

void
model_options_parse(ModelOptions *self, int argc, char **argv)
{
	*self = (ModelOptions){
		.ram_mib = 64, .vcpus = 1, .active_ms = 20, .device_ms = 5, .tidy_ms = 5
	};
	set(&self->uuid, "00000000-0000-0000-0000-000000000000");
	set(&self->machine, "pc-q35-7.2");
	self->on = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->at = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->late = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->capabilities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + strspn(argv[i], "-");
		if (!parse_flag(self, name) && i + 1 < argc)
			parse_value(self, name, argv[++i]);
	}
	self->machine[strcspn(self->machine, ",")] = '\0';
}
