/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What strangers may take of an agent: its places for connections and its memory.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "engine/gw-agent.h"
#include "tests/rig/tcp-pair.h"
#include "tests/rig/test-util.h"

#define N_PLACES   64
#define HELLO	   "{\"type\":\"hello\",\"id\":1,\"versions\":[2,2],\"timeout_ms\":600000}\n"
#define SESSION	   "01234567-89ab-cdef-0123-456789abcdef"
#define MAX_WAITS  2000
#define MAX_TEXT   65536
#define BIG_VALUES 12000 /* more than half of what may wait */

typedef struct {
	char *folder;
	GwAgent *agent;
} Rig;

static void
on_stopped(GObject *object, GAsyncResult *result, gpointer data)
{
	gw_agent_stop_finish(GW_AGENT(object), result);
	*(gboolean *)data = TRUE;
}

static void
rig_clear(Rig *self)
{
	gboolean ended = FALSE;
	gw_agent_stop_async(self->agent, on_stopped, &ended);
	CU_ASSERT_TRUE(test_wait(&ended));
	g_object_unref(self->agent);
	test_folder_free(self->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear);

static void
rig_start(Rig *self, const char *hook)
{
	g_autoptr(GError) error = NULL;
	self->folder = test_folder_new();
	self->agent = gw_agent_new();
	gw_agent_set_listen(self->agent, "127.0.0.1:0");
	gw_agent_set_state_dir(self->agent, self->folder);
	gw_agent_set_vm_dir(self->agent, self->folder);
	gw_agent_set_hook(self->agent, hook);
	CU_ASSERT_TRUE_FATAL(gw_agent_start(self->agent, &error));
}

/* (transfer full): a connection that comes from @from. */
static GSocket *
call(Rig *self, const char *from)
{
	const char *colon = strrchr(gw_agent_get_address(self->agent), ':');
	guint16 port = (guint16)g_ascii_strtoull(colon + 1, NULL, 10);
	g_autoptr(GSocketAddress) local = g_inet_socket_address_new_from_string(from, 0);
	g_autoptr(GSocketAddress) remote = g_inet_socket_address_new_from_string("127.0.0.1", port);
	GSocket *socket = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
				       G_SOCKET_PROTOCOL_TCP, NULL);
	CU_ASSERT_TRUE_FATAL(g_socket_bind(socket, local, TRUE, NULL));
	CU_ASSERT_TRUE_FATAL(g_socket_connect(socket, remote, NULL, NULL));
	return socket;
}

/* Does @text come on @socket, before it ends? */
static gboolean
hears(GSocket *socket, const char *text)
{
	g_autoptr(GString) heard = g_string_new(NULL);
	for (guint i = 0; i < MAX_WAITS && heard->len < MAX_TEXT; i++) {
		char bytes[4096];
		gssize n = g_socket_receive_with_blocking(socket, bytes, sizeof bytes, FALSE, NULL,
							  NULL);
		if (n == 0)
			return FALSE;
		g_string_append_len(heard, bytes, MAX(n, 0));
		if (strstr(heard->str, text) != NULL)
			return TRUE;
		test_turn(5);
	}
	return FALSE;
}

static GSocket *
greet(Rig *self, const char *from)
{
	GSocket *socket = call(self, from);
	tcp_send(socket, HELLO, strlen(HELLO));
	return socket;
}

/* One host has said hello as often as there are places, and stays silent: another host comes in all
 * the same, and so does the next one of that host. */
static void
a_crowd_of_hellos_locks_nobody_out(void)
{
	g_auto(Rig) rig = { 0 };
	g_autoptr(GPtrArray) crowd = g_ptr_array_new_with_free_func(g_object_unref);

	rig_start(&rig, NULL);
	g_autoptr(GSocket) early = greet(&rig, "127.0.0.3");
	CU_ASSERT_TRUE(hears(early, "\"agent\""));
	for (guint i = 0; i < N_PLACES; i++) {
		g_ptr_array_add(crowd, greet(&rig, "127.0.0.1"));
		CU_ASSERT_TRUE(hears(g_ptr_array_index(crowd, i), "\"agent\""));
	}
	g_autoptr(GSocket) other = greet(&rig, "127.0.0.2");
	CU_ASSERT_TRUE(hears(other, "\"agent\""));
	g_autoptr(GSocket) same = greet(&rig, "127.0.0.1");
	CU_ASSERT_TRUE(hears(same, "\"agent\""));
	/* The crowd has paid for them, not the host that has one place. */
	tcp_send(early, "{\"type\":\"ping\",\"id\":9}\n", 23);
	CU_ASSERT_TRUE(hears(early, "\"id\":9"));
}

static void
send_survey(GSocket *socket, guint id, const char *vm)
{
	g_autofree char *text =
		g_strdup_printf("{\"type\":\"survey\",\"id\":%u,\"session\":\"" SESSION
				"\",\"vm\":\"%s\",\"check\":false,\"vgpus\":[]}\n",
				id, vm);
	tcp_send(socket, text, strlen(text));
}

/* (transfer full): a request of few bytes of which json-glib makes many. */
static char *
make_bomb(guint n_values)
{
	GString *text = g_string_new("{\"type\":\"abort\",\"id\":9,\"reason\":\"r\",\"x\":[0");
	for (guint i = 1; i < n_values; i++)
		g_string_append(text, ",0");
	return g_string_free(g_string_append(text, "]}\n"), FALSE);
}

/* The agent is busy: what waits meanwhile is bounded by its size in memory, not by its number. */
static void
what_waits_is_bounded(void)
{
	g_auto(Rig) rig = { 0 };
	g_autofree char *bomb = make_bomb(BIG_VALUES);

	rig_start(&rig, "sleep 2");
	g_autoptr(GSocket) socket = greet(&rig, "127.0.0.1");
	CU_ASSERT_TRUE(hears(socket, "\"agent\""));
	send_survey(socket, 2, "web1");
	test_turn(100);
	tcp_send(socket, bomb, strlen(bomb));
	tcp_send(socket, bomb, strlen(bomb));
	CU_ASSERT_TRUE(hears(socket, "more requests than are answered"));
}

static void
a_large_request_before_a_plan_is_refused(void)
{
	g_auto(Rig) rig = { 0 };
	g_autofree char *bomb = make_bomb(2 * BIG_VALUES);

	rig_start(&rig, NULL);
	g_autoptr(GSocket) socket = greet(&rig, "127.0.0.1");
	CU_ASSERT_TRUE(hears(socket, "\"agent\""));
	tcp_send(socket, bomb, strlen(bomb));
	CU_ASSERT_TRUE(hears(socket, "too many values"));
}

/* Each refused survey once left its name behind, of up to 1 MB; a name could forge a line of the
 * log. */
static void
a_survey_comes_once_with_a_name_that_is_shown(void)
{
	g_auto(Rig) rig = { 0 };
	g_autofree char *long_name = g_strnfill(300, 'x');

	rig_start(&rig, NULL);
	g_autoptr(GSocket) socket = greet(&rig, "127.0.0.1");
	CU_ASSERT_TRUE(hears(socket, "\"agent\""));
	send_survey(socket, 2, long_name);
	CU_ASSERT_TRUE(hears(socket, "field 'vm' is longer than 255 bytes"));
	send_survey(socket, 3, "a\\n<3>forged");
	CU_ASSERT_TRUE(hears(socket, "or has control characters"));
	send_survey(socket, 4, "web1");
	CU_ASSERT_TRUE(hears(socket, "no VM named 'web1'"));
	send_survey(socket, 5, "web1");
	CU_ASSERT_TRUE(hears(socket, "came a second time"));
}

CU_TestInfo suite_agent_limits[] = {
	{ "a crowd of hellos locks nobody out", a_crowd_of_hellos_locks_nobody_out },
	{ "what waits is bounded", what_waits_is_bounded },
	{ "a survey comes once with a name that is shown",
	  a_survey_comes_once_with_a_name_that_is_shown },
	{ "a large request before a plan is refused", a_large_request_before_a_plan_is_refused },
	CU_TEST_INFO_NULL,
};
