/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program model-qemu: one thread that polls the monitor's socket, its client and the stream,
 * and passes on what comes. It serves one monitor client at a time, as QEMU does, and greets the
 * next one when the first has gone. What the model does is in model-command.c and model-stream.c;
 * see model-qemu.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/model-machine.h"
#include "tests/rig/unix-io.h"

typedef struct {
	Model model;
	int listener;
	int client;	/* or -1 */
	GString *input; /* (owned): from the client, not yet a line */
} Program;

static void
close_client(Program *self)
{
	if (self->client >= 0)
		close(self->client);
	self->client = -1;
	g_string_truncate(self->input, 0);
	g_string_truncate(self->model.out, 0);
}

/* What is told while nobody listens is lost. */
static void
flush(Program *self)
{
	GString *out = self->model.out;

	if (self->client >= 0 && out->len > 0 && !unix_io_send(self->client, out->str, out->len))
		close_client(self);
	g_string_truncate(out, 0);
}

static void
accept_client(Program *self)
{
	self->client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
	g_string_append_printf(self->model.out,
			       "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": %d, "
			       "\"major\": %d}, \"package\": \"model\"}, \"capabilities\": "
			       "[\"oob\"]}}\r\n",
			       self->model.options.modern ? 0 : 2,
			       self->model.options.modern ? 10 : 7);
	flush(self);
}

static gboolean
is_deaf(Program *self)
{
	return self->model.options.deaf && g_strcmp0(self->model.status, "device") == 0;
}

/* The next line that may be answered now; in its deaf time it takes no in-band one. */
static char *
take_line(Program *self)
{
	char *begin = self->input->str;
	char *end = NULL;

	while ((end = strchr(begin, '\n')) != NULL) {
		g_autofree char *line = g_strndup(begin, end - begin);
		if (!is_deaf(self) || strstr(line, "\"exec-oob\"") != NULL) {
			g_string_erase(self->input, begin - self->input->str, end - begin + 1);
			return g_steal_pointer(&line);
		}
		begin = end + 1;
	}
	return NULL;
}

static void
run_lines(Program *self)
{
	char *line = NULL;

	while (self->client >= 0 && (line = take_line(self)) != NULL) {
		gboolean keep = model_command(&self->model, line);
		g_free(line);
		flush(self);
		if (!keep)
			close_client(self);
		if (g_str_equal(self->model.run_state, "shutdown"))
			exit(EXIT_SUCCESS);
	}
}

static void
read_client(Program *self)
{
	char bytes[4096];
	int fd = -1;
	gssize n = unix_io_recv(self->client, bytes, sizeof(bytes), &fd);

	if (fd >= 0 && self->model.passed_fd >= 0)
		close(self->model.passed_fd);
	if (fd >= 0)
		self->model.passed_fd = fd;
	if (n <= 0)
		close_client(self);
	else
		g_string_append_len(self->input, bytes, n);
}

static int
poll_ms(Model *model)
{
	gint64 next_us = G_MAXINT64;

	if (model->next_us != 0)
		next_us = model->next_us;
	if (model->pages_us != 0)
		next_us = MIN(next_us, model->pages_us);
	if (next_us == G_MAXINT64)
		return -1;
	return (int)CLAMP((next_us - model_now_us() + 999) / 1000, 0, 60000);
}

/* QEMU ends itself when what came in cannot be used. */
static void
check_end(Program *self)
{
	Model *model = &self->model;

	if (model->incoming_begun && model->exit_on_error &&
	    g_strcmp0(model->status, "failed") == 0)
		exit(EXIT_FAILURE);
}

static void
turn(Program *self)
{
	Model *model = &self->model;
	struct pollfd fds[] = {
		{ .fd = self->client < 0 ? self->listener : -1, .events = POLLIN },
		{ .fd = self->client, .events = POLLIN },
		{ .fd = model_wants_stream(model) ? model->stream : -1, .events = POLLIN },
	};

	if (poll(fds, G_N_ELEMENTS(fds), poll_ms(model)) < 0 && errno != EINTR)
		exit(EXIT_FAILURE);
	if (fds[0].revents != 0)
		accept_client(self);
	if (fds[1].revents != 0)
		read_client(self);
	if (fds[2].revents != 0)
		model_read_stream(model);
	model_tick(model);
	run_lines(self);
	flush(self);
	check_end(self);
}

int
main(int argc, char **argv)
{
	Program self = { .client = -1, .input = g_string_new(NULL) };

	model_options_parse(&self.model.options, argc, argv);
	if (self.model.options.qmp_path == NULL) {
		fprintf(stderr, "model-qemu: -qmp unix:PATH is missing\n");
		return EXIT_FAILURE;
	}
	model_init(&self.model);
	self.listener = unix_io_listen(self.model.options.qmp_path);
	if (self.listener < 0) {
		fprintf(stderr, "model-qemu: cannot listen on %s\n", self.model.options.qmp_path);
		return EXIT_FAILURE;
	}
	while (TRUE)
		turn(&self);
}
