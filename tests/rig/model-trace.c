/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * model-qemu's trace points: with --trace LINE there is one, off at first. While it is on all these
 * lines are written once a millisecond, to stderr or to where "logfile" says, as QEMU's log is.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/rig/model-machine.h"

#define LINE_US 1000

static gint is_on;
static gint log_fd = STDERR_FILENO;

static gpointer
write_lines(gpointer data)
{
	const char *lines = data;
	while (TRUE) {
		g_usleep(LINE_US);
		if (g_atomic_int_get(&is_on) != 0 &&
		    write(g_atomic_int_get(&log_fd), lines, strlen(lines)) < 0)
			continue; /* as QEMU: a log that nobody reads is lost */
	}
	return NULL;
}

char *
model_trace_query(Model *self)
{
	if (self->options.trace == NULL)
		return g_strdup("[]");
	return g_strdup_printf("[{\"name\": \"vfio_state_pending\", \"state\": \"%s\"}]",
			       g_atomic_int_get(&is_on) != 0 ? "enabled" : "disabled");
}

void
model_trace_set(Model *self, gboolean on)
{
	static GThread *writer;
	if (self->options.trace == NULL)
		return;
	if (writer == NULL)
		writer = g_thread_new("trace", write_lines, self->options.trace);
	g_atomic_int_set(&is_on, on);
}

/* A JSON string. */
static char *
quoted(const char *text)
{
	g_autoptr(JsonNode) node = json_node_init_string(json_node_alloc(), text);
	return json_to_string(node, FALSE);
}

char *
model_monitor(Model *self, const char *line)
{
	if (!g_str_has_prefix(line, "logfile \""))
		return quoted("");
	g_autofree char *path = g_strdup(line + strlen("logfile \""));
	path[strcspn(path, "\"")] = '\0';
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return quoted("Error opening logfile\r\n");
	int former = g_atomic_int_get(&log_fd);
	g_atomic_int_set(&log_fd, fd);
	if (former != STDERR_FILENO) {
		g_usleep(2 * LINE_US); /* who writes to it has done so */
		close(former);
	}
	return quoted("");
}
