/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest of model-qemu and what it reports: run state, events, the log of when it ran.
 */
#include "tests/rig/model-machine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const capabilities[] = {
	"xbzrle",
	"auto-converge",
	"events",
	"postcopy-ram",
	"release-ram",
	"return-path",
	"pause-before-switchover",
	"multifd",
	"dirty-bitmaps",
	"validate-uuid",
	"late-block-activate",
	"x-ignore-shared",
	"background-snapshot",
};

gint64
model_now_us(void)
{
	return g_get_monotonic_time();
}

static void
close_fd(gpointer fd)
{
	close(GPOINTER_TO_INT(fd));
}

static void
add_parameter(Model *self, const char *name, gint64 value)
{
	gint64 *slot = g_new(gint64, 1);

	*slot = value;
	g_hash_table_insert(self->parameters, g_strdup(name), slot);
}

static void
init_tables(Model *self)
{
	self->capabilities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->parameters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_fd);
	self->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(capabilities); i++)
		g_hash_table_insert(self->capabilities, g_strdup(capabilities[i]),
				    GINT_TO_POINTER(
					    g_hash_table_contains(self->options.capabilities,
								  capabilities[i])));
	if (self->options.modern)
		g_hash_table_insert(self->capabilities, g_strdup("switchover-ack"), NULL);
	add_parameter(self, "downtime-limit", 300);
	add_parameter(self, "max-bandwidth", 128 * 1024 * 1024);
	add_parameter(self, "announce-rounds", 5);
	if (self->options.modern)
		add_parameter(self, "avail-switchover-bandwidth", 0);
}

void
model_init(Model *self)
{
	init_tables(self);
	self->out = g_string_new(NULL);
	self->incoming = g_string_new(NULL);
	self->stream = self->passed_fd = -1;
	self->autostart = !self->options.stopped;
	self->run_state = "prelaunch";
	self->status = self->options.earlier;
	if (self->options.incoming)
		self->run_state = "inmigrate";
	else if (self->options.state != NULL)
		self->run_state = self->options.state;
	else if (!self->options.stopped)
		model_set_running(self, TRUE, "running");
}

static void
write_log(Model *self, gboolean running)
{
	if (self->options.log_path == NULL)
		return;
	int fd = open(self->options.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	g_assert_cmpint(fd, >=, 0);
	dprintf(fd, "%" G_GINT64_FORMAT " %s\n", model_now_us(), running ? "running" : "stopped");
	close(fd);
}

void
model_set_running(Model *self, gboolean running, const char *run_state)
{
	gboolean was = g_strcmp0(self->run_state, "running") == 0;

	if (was != running)
		write_log(self, running);
	self->run_state = run_state;
}

void
model_event(Model *self, const char *name, ...)
{
	gint64 us = g_get_real_time();
	va_list values;

	va_start(values, name);
	g_string_append_printf(self->out,
			       "{\"timestamp\": {\"seconds\": %" G_GINT64_FORMAT
			       ", \"microseconds\": %" G_GINT64_FORMAT "}, \"event\": ",
			       us / G_USEC_PER_SEC, us % G_USEC_PER_SEC);
	g_string_append_vprintf(self->out, name, values);
	g_string_append(self->out, "}\r\n");
	va_end(values);
}

const char *
model_word(Model *self, const char *status)
{
	const char *word = g_hash_table_lookup(self->options.words, status);

	return word != NULL ? word : status;
}

gboolean
model_capability(Model *self, const char *name)
{
	return g_hash_table_lookup(self->capabilities, name) != NULL;
}

/* Somebody else does it, by another monitor. */
static void
change_state(Model *self, const char *state)
{
	gboolean is_started = g_str_equal(state, "running") || g_str_equal(state, "paused");
	model_set_running(self, g_str_equal(state, "running"), state);
	if (is_started)
		model_event(self, "\"RESUME\"");
	if (g_str_equal(state, "paused"))
		model_event(self, "\"STOP\"");
}

/* Another session has brought its guest into it, and has given back the capabilities. */
static void
take(Model *self)
{
	g_autoptr(GList) names = g_hash_table_get_keys(self->capabilities);
	for (GList *l = names; l != NULL; l = l->next) {
		gboolean is_on = g_hash_table_contains(self->options.capabilities, l->data);
		g_hash_table_insert(self->capabilities, g_strdup(l->data), GINT_TO_POINTER(is_on));
	}
	self->incoming_begun = TRUE;
	self->status = "completed";
	self->run_state = "running"; /* not in the log: it is another guest */
}

gboolean
model_act(Model *self, const char *action)
{
	if (g_str_equal(action, "die"))
		_exit(1);
	if (g_str_equal(action, "freeze"))
		raise(SIGSTOP);
	else if (g_str_has_prefix(action, "state:"))
		change_state(self, action + strlen("state:"));
	else if (g_str_equal(action, "taken"))
		take(self);
	else if (g_str_has_prefix(action, "delay:"))
		g_usleep(g_ascii_strtoull(action + strlen("delay:"), NULL, 10) * 1000);
	else
		return FALSE;
	return TRUE;
}
