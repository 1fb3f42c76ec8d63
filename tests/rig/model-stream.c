/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration as model-qemu does it, from both ends. States and events come in the order of a real
 * QEMU:
 *
 *	source        setup, PASS 1, active, STOP, [pre-switchover, (continue),] device, PASS 2, completed
 *	              cancelled before the end: cancelling, RESUME if it ran, cancelled
 *	              failed: failed first, RESUME after it if it ran
 *	destination   setup, active, completed, and RESUME before completed if it was told to start by itself
 *
 * The source completes when the destination has answered (return-path), or at once without. As a
 * real one, it does not look at the stream in pre-switchover, and a cancel in device does not stop
 * a destination that has all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/model-machine.h"

#define PAGES_MS 5

static void fail(Model *self, const char *desc);

static gboolean
is(Model *self, const char *status)
{
	return g_strcmp0(self->status, status) == 0;
}

gboolean
model_is_migrating(Model *self)
{
	return is(self, "setup") || is(self, "active") || is(self, "pre-switchover") ||
	       is(self, "device") || is(self, "cancelling");
}

gboolean
model_is_untidy(Model *self)
{
	return model_now_us() < self->tidy_us;
}

void
model_set_status(Model *self, const char *status)
{
	const char *action = g_hash_table_lookup(self->options.at, status);

	if (action != NULL && g_str_has_prefix(action, "fail:") && !is(self, "failed")) {
		fail(self, action + strlen("fail:"));
		return;
	}
	self->status = status;
	if (model_capability(self, "events"))
		model_event(self, "\"MIGRATION\", \"data\": {\"status\": \"%s\"}",
			    model_word(self, status));
	if (action != NULL)
		model_act(self, action);
}

static void
close_stream(Model *self)
{
	if (self->stream >= 0)
		close(self->stream);
	self->stream = -1;
	self->next_us = self->pages_us = 0;
}

static void
resume(Model *self)
{
	/* QEMU 7.2 forgets that a stopped guest was no more than stopped. */
	if (!self->was_running) {
		self->run_state = self->options.modern ? "paused" : "postmigrate";
		return;
	}
	model_set_running(self, TRUE, "running");
	model_event(self, "\"RESUME\"");
}

static void
fail_incoming(Model *self, const char *desc)
{
	close_stream(self);
	model_set_status(self, "failed");
	fprintf(stderr, "model-qemu: load of migration failed: %s\n", desc);
	self->error_desc = g_strdup(desc);
}

static void
fail(Model *self, const char *desc)
{
	gboolean stopped = g_str_equal(self->run_state, "finish-migrate");

	if (self->incoming_begun) {
		fail_incoming(self, desc);
		return;
	}
	close_stream(self);
	self->tidy_us = stopped && self->options.fails_paused
				? G_MAXINT64
				: model_now_us() + self->options.tidy_ms * 1000;
	/* As in QEMU, the reason is often missing when it failed in the switchover. */
	self->error_desc = stopped || *desc == '\0' ? NULL : g_strdup(desc);
	model_set_status(self, "failed");
	if (stopped && self->options.resume_ms > 0)
		self->next_us = model_now_us() + self->options.resume_ms * 1000;
	else if (stopped)
		resume(self);
}

/* %FALSE when the stream has broken, and the migration has failed by that. */
static gboolean
put(Model *self, const char *text)
{
	if (send(self->stream, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	    errno == EAGAIN)
		return TRUE;
	g_autofree char *desc = g_strdup_printf("Unable to write to socket: %s", g_strerror(errno));
	fail(self, desc);
	return FALSE;
}

static void
pass(Model *self, guint n)
{
	if (model_capability(self, "events"))
		model_event(self, "\"MIGRATION_PASS\", \"data\": {\"pass\": %u}", n);
}

static void
begin(Model *self, int fd)
{
	self->stream = fd;
	self->begin_us = model_now_us();
	self->loaded = FALSE;
	g_clear_pointer(&self->error_desc, g_free);
	g_string_truncate(self->incoming, 0);
	model_set_status(self, "setup");
}

void
model_migrate(Model *self, int fd)
{
	self->was_running = g_str_equal(self->run_state, "running");
	begin(self, fd);
	self->next_us = self->begin_us;
}

static void
go_active(Model *self)
{
	g_autofree char *header =
		g_strdup_printf("model 1 %s %" G_GINT64_FORMAT " %s\n", self->options.machine,
				self->options.ram_mib, self->was_running ? "running" : "paused");

	if (!put(self, header))
		return;
	pass(self, 1);
	model_set_status(self, "active");
	if (!is(self, "active"))
		return;
	self->next_us = model_now_us() + self->options.active_ms * 1000;
	self->pages_us = model_now_us();
}

static void
go_device(Model *self)
{
	if (self->options.modern || is(self, "pre-switchover"))
		model_set_status(self, "device");
	else
		self->status = "device";
	if (is(self, "failed"))
		return;
	pass(self, 2);
	if (put(self, "end\n"))
		self->next_us = model_now_us() + self->options.device_ms * 1000;
}

static void
stop_guest(Model *self)
{
	gboolean swap = self->options.swap_events;

	self->pages_us = 0;
	if (self->was_running && !swap)
		model_event(self, "\"STOP\"");
	model_set_running(self, FALSE, "finish-migrate");
	if (model_capability(self, "pause-before-switchover")) {
		self->next_us = 0;
		model_set_status(self, "pre-switchover");
		if (self->options.fails_paused)
			model_set_status(self, "failed");
	}
	if (self->was_running && swap)
		model_event(self, "\"STOP\"");
	if (!model_capability(self, "pause-before-switchover"))
		go_device(self);
}

static void
complete_source(Model *self)
{
	if (model_capability(self, "return-path") && !self->loaded) {
		self->next_us = 0;
		return;
	}
	close_stream(self);
	self->run_state = "postmigrate";
	model_set_status(self, "completed");
}

void
model_continue(Model *self)
{
	if (is(self, "pre-switchover")) {
		go_device(self);
	} else if (is(self, "failed") && g_str_equal(self->run_state, "finish-migrate")) {
		close_stream(self);
		self->tidy_us = 0;
		resume(self);
	}
}

static void
finish_cancel(Model *self)
{
	gboolean stopped = g_str_equal(self->run_state, "finish-migrate");

	close_stream(self);
	if (stopped)
		resume(self);
	model_set_status(self, "cancelled");
}

void
model_cancel(Model *self)
{
	if (!model_is_migrating(self) || self->incoming_begun)
		return;
	if (self->options.cancel_late && is(self, "device"))
		return;
	model_set_status(self, "cancelling");
	shutdown(self->stream, SHUT_RDWR);
	self->next_us = self->options.cancel_hangs ? 0 : model_now_us() + 1000;
	self->pages_us = 0;
}

void
model_yank(Model *self)
{
	if (model_is_migrating(self) && !is(self, "cancelling"))
		fail(self, "Unable to write to socket: Broken pipe");
}

static void
send_pages(Model *self)
{
	g_autofree char *text = g_strnfill(1000, 'p');

	text[999] = '\n';
	self->pages_us += PAGES_MS * 1000;
	for (gint64 i = 0; i < self->options.passes_per_s * PAGES_MS / 1000; i++)
		pass(self, 1);
	put(self, text);
}

void
model_tick(Model *self)
{
	gint64 now_us = model_now_us();

	if (self->pages_us != 0 && now_us >= self->pages_us)
		send_pages(self);
	if (self->next_us == 0 || now_us < self->next_us)
		return;
	if (is(self, "setup"))
		go_active(self);
	else if (is(self, "active"))
		stop_guest(self);
	else if (is(self, "device"))
		complete_source(self);
	else if (is(self, "cancelling"))
		finish_cancel(self);
	else
		self->next_us = 0;
	if (is(self, "failed") && g_str_equal(self->run_state, "finish-migrate") &&
	    !self->options.fails_paused)
		resume(self);
}

/* ---- the destination ---- */

void
model_incoming(Model *self, int fd)
{
	self->incoming_begun = TRUE;
	begin(self, fd);
}

static void
complete_incoming(Model *self)
{
	/* Without return-path the source may be gone already; that is no failure here. */
	(void)send(self->stream, "loaded\n", strlen("loaded\n"), MSG_NOSIGNAL);
	close_stream(self);
	self->run_state = "paused";
	if (self->autostart && self->was_running) {
		model_set_running(self, TRUE, "running");
		model_event(self, "\"RESUME\"");
	}
	model_set_status(self, "completed");
}

static void
take_header(Model *self, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);

	if (g_strv_length(words) != 5 || !g_str_equal(words[0], "model")) {
		fail(self, "Not a migration stream");
		return;
	}
	if (!g_str_equal(words[2], self->options.machine) ||
	    g_ascii_strtoll(words[3], NULL, 10) != self->options.ram_mib) {
		fail(self, "Invalid argument");
		return;
	}
	self->was_running = g_str_equal(words[4], "running");
	model_set_status(self, "active");
}

static void
take_line(Model *self, const char *line)
{
	if (is(self, "setup"))
		take_header(self, line);
	else if (g_str_equal(line, "end"))
		complete_incoming(self);
}

static void
take_lines(Model *self)
{
	char *end = NULL;

	while (self->stream >= 0 &&
	       (end = memchr(self->incoming->str, '\n', self->incoming->len)) != NULL) {
		g_autofree char *line = g_strndup(self->incoming->str, end - self->incoming->str);
		g_string_erase(self->incoming, 0, end - self->incoming->str + 1);
		if (self->incoming_begun)
			take_line(self, line);
		else if (g_str_equal(line, "loaded"))
			self->loaded = TRUE;
	}
}

gboolean
model_wants_stream(Model *self)
{
	return self->stream >= 0 && !is(self, "pre-switchover") && !is(self, "cancelling") &&
	       !is(self, "failed") && !self->loaded;
}

void
model_read_stream(Model *self)
{
	char bytes[4096];
	ssize_t n = recv(self->stream, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(self, self->incoming_begun
				   ? "Input/output error"
				   : "Unable to read from socket: Connection reset by peer");
		return;
	}
	g_string_append_len(self->incoming, bytes, n);
	take_lines(self);
	if (self->loaded && self->next_us == 0)
		self->next_us = model_now_us();
}
