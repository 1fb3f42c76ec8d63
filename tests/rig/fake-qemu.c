/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plays a script to one QMP client. The thread reads a line, compares it with the next step and
 * sends what the step says; on the first difference it records the reason and closes the socket, so
 * that the client does not wait. It trusts its client to send one command a line, as ours does.
 */
#include "tests/rig/fake-qemu.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

#define PATIENCE_S     20
#define SLOW_READER_MS 300

struct FakeQemu {
	const FakeStep *steps; /* (borrowed) */
	gsize n_steps;
	FakeFlags flags;
	char *folder; /* (owned) */
	char *path;   /* (owned) */
	int listener;
	GThread *thread; /* (owned) */

	/* the thread's, until it has been joined */
	int client;
	GString *input; /* (owned) */
	int pending_fd; /* came at the beginning of the line being read, or -1 */
	GArray *ids;	/* (owned): gint64, of the script's commands */
	GArray *fds;	/* (owned): int */
	char *failure;	/* (owned) (nullable) */
};

typedef struct {
	char *line; /* (owned) */
	char *name; /* (owned) */
	gint64 id;
	gboolean oob;
	int fd; /* (owned) or -1 */
} Command;

static void
command_clear(Command *self)
{
	g_clear_pointer(&self->line, g_free);
	g_clear_pointer(&self->name, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Command, command_clear);

G_GNUC_PRINTF(2, 3)
static gboolean
fail(FakeQemu *self, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	if (self->failure == NULL)
		self->failure = g_strdup_vprintf(format, values);
	va_end(values);
	return FALSE;
}

static gboolean
receive(FakeQemu *self)
{
	char bytes[65536];
	int fd = -1;
	gssize n = unix_io_recv(self->client, bytes, sizeof(bytes), &fd);

	if (n <= 0)
		return FALSE;
	if (fd >= 0 && self->input->len > 0)
		return fail(self, "a descriptor came after the first byte of its command");
	if (fd >= 0)
		self->pending_fd = fd;
	g_string_append_len(self->input, bytes, n);
	return TRUE;
}

static gboolean
parse_command(FakeQemu *self, Command *command)
{
	g_autoptr(JsonNode) node = json_from_string(command->line, NULL);
	JsonObject *object =
		node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;

	if (object == NULL)
		return fail(self, "not a command: %s", command->line);
	command->oob = json_object_has_member(object, "exec-oob");
	const char *key = command->oob ? "exec-oob" : "execute";
	command->name = g_strdup(json_object_get_string_member_with_default(object, key, "?"));
	command->id = json_object_get_int_member_with_default(object, "id", 0);
	return TRUE;
}

/* %FALSE at the end of the client too; then there is no failure yet. */
static gboolean
read_command(FakeQemu *self, Command *command)
{
	char *end = NULL;

	while ((end = memchr(self->input->str, '\n', self->input->len)) == NULL) {
		if (!receive(self))
			return FALSE;
	}
	command->line = g_strndup(self->input->str, end - self->input->str);
	g_string_erase(self->input, 0, end - self->input->str + 1);
	command->fd = self->pending_fd;
	self->pending_fd = -1;
	return parse_command(self, command);
}

/* Puts the ids of earlier commands for "@1" to "@9". */
static char *
fill_in(FakeQemu *self, const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p++) {
		guint n = p[0] == '@' && g_ascii_isdigit(p[1]) ? (guint)(p[1] - '0') : 0;
		if (n == 0 || n > self->ids->len) {
			g_string_append_c(out, *p);
			continue;
		}
		g_string_append_printf(out, "%" G_GINT64_FORMAT,
				       g_array_index(self->ids, gint64, n - 1));
		p++;
	}
	return g_string_free(out, FALSE);
}

static void
send_text(FakeQemu *self, const char *text)
{
	if (text == NULL)
		return;
	g_autofree char *filled = fill_in(self, text);
	/* A client that has closed is found by the reader. */
	(void)unix_io_send(self->client, filled, strlen(filled));
}

static void
send_reply(FakeQemu *self, const char *key, const char *value, gint64 id)
{
	if (value == NULL)
		return;
	g_autofree char *text =
		g_strdup_printf("{\"%s\": %s, \"id\": %" G_GINT64_FORMAT "}\r\n", key, value, id);
	(void)unix_io_send(self->client, text, strlen(text));
}

static gboolean
check_command(FakeQemu *self, const FakeStep *step, const Command *command)
{
	if (!g_str_equal(command->name, step->expect))
		return fail(self, "expected '%s', got '%s'", step->expect, command->name);
	if (step->arguments != NULL && strstr(command->line, step->arguments) == NULL)
		return fail(self, "'%s' is not in %s", step->arguments, command->line);
	if (command->oob != step->oob)
		return fail(self, "'%s' came %s", command->name, command->oob ? "oob" : "in band");
	if ((command->fd >= 0) != step->takes_fd)
		return fail(self, "'%s' came with%s a descriptor", command->name,
			    command->fd >= 0 ? "" : "out");
	return TRUE;
}

static gboolean
take_command(FakeQemu *self, const FakeStep *step, gint64 *ret_id)
{
	g_auto(Command) command = { .fd = -1 };

	if (!read_command(self, &command))
		return fail(self, "'%s' did not come", step->expect);
	if (command.fd >= 0)
		g_array_append_val(self->fds, command.fd);
	g_array_append_val(self->ids, command.id);
	*ret_id = command.id;
	return check_command(self, step, &command);
}

static gboolean
play(FakeQemu *self, const FakeStep *step)
{
	gint64 id = 0;

	if (step->expect != NULL && !take_command(self, step, &id))
		return FALSE;
	if (step->delay_ms > 0)
		g_usleep(step->delay_ms * 1000);
	send_text(self, step->before);
	send_reply(self, "return", step->result, id);
	send_reply(self, "error", step->error, id);
	send_text(self, step->after);
	return !step->closes;
}

static gboolean
shake_hands(FakeQemu *self)
{
	const FakeStep with = { .expect = "qmp_capabilities", .arguments = "\"oob\"" };
	const FakeStep without = { .expect = "qmp_capabilities" };
	gboolean oob = (self->flags & FAKE_NO_OOB) == 0;
	gint64 id = 0;

	send_text(self, oob ? FAKE_GREETING : "{\"QMP\": {\"version\": {}, \"capabilities\": []}}");
	if (!take_command(self, oob ? &with : &without, &id))
		return FALSE;
	g_array_set_size(self->ids, 0);
	send_reply(self, "return", "{}", id);
	return TRUE;
}

static void
expect_end(FakeQemu *self)
{
	g_auto(Command) command = { .fd = -1 };

	if (read_command(self, &command))
		fail(self, "'%s' came after the end of the script", command.name);
}

static void
play_all(FakeQemu *self)
{
	if ((self->flags & FAKE_NO_HANDSHAKE) == 0 && !shake_hands(self))
		return;
	if ((self->flags & FAKE_SLOW_READER) != 0)
		g_usleep(SLOW_READER_MS * 1000);
	for (gsize i = 0; i < self->n_steps; i++) {
		if (!play(self, &self->steps[i]))
			return;
	}
	expect_end(self);
}

static gpointer
run(gpointer data)
{
	FakeQemu *self = data;
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	setsockopt(self->listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	self->client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
	if (self->client < 0) {
		fail(self, "no client came");
		return NULL;
	}
	setsockopt(self->client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(self->client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	play_all(self);
	close(self->client);
	return NULL;
}

FakeQemu *
fake_qemu_new(const FakeStep *steps, gsize n, FakeFlags flags)
{
	FakeQemu *self = g_new0(FakeQemu, 1);

	self->steps = steps;
	self->n_steps = n;
	self->flags = flags;
	self->folder = test_folder_new();
	self->path = g_build_filename(self->folder, "qmp", NULL);
	self->listener = unix_io_listen(self->path);
	g_assert_cmpint(self->listener, >=, 0);
	self->client = self->pending_fd = -1;
	self->input = g_string_new(NULL);
	self->ids = g_array_new(FALSE, FALSE, sizeof(gint64));
	self->fds = g_array_new(FALSE, FALSE, sizeof(int));
	self->thread = g_thread_new("fake-qemu", run, self);
	return self;
}

const char *
fake_qemu_get_path(FakeQemu *self)
{
	return self->path;
}

int
fake_qemu_get_fd(FakeQemu *self, guint n)
{
	return n < self->fds->len ? g_array_index(self->fds, int, n) : -1;
}

const char *
fake_qemu_end(FakeQemu *self)
{
	g_clear_pointer(&self->thread, g_thread_join);
	return self->failure;
}

void
fake_qemu_free(FakeQemu *self)
{
	fake_qemu_end(self);
	for (guint i = 0; i < self->fds->len; i++)
		close(g_array_index(self->fds, int, i));
	g_array_unref(self->fds);
	g_array_unref(self->ids);
	g_string_free(self->input, TRUE);
	close(self->listener);
	test_folder_free(self->folder);
	g_free(self->path);
	g_free(self->failure);
	g_free(self);
}
