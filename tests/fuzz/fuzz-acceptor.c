/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what a stranger says to an agent's port before anybody knows him. A handshake goes
 * into TLS, with certificates as an agent has them; a control connection is served as far as
 * messages are read; a preamble is taken for a channel's. Besides not crashing: whoever is there is
 * taken, turned away or gone when he has hung up, and no stranger's handshake ever ends well.
 */
#include <glib/gstdio.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/control/control-conn.h"
#include "engine/agent/acceptor.h"
#include "engine/gw-pki.h"

#define MAX_BYTES 16384
#define MAX_TURNS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	gboolean over;
	ControlConn *conn; /* (nullable) */
	guint n_messages;
} Door;

static void
on_message(ControlConn *conn, ControlMessage *message, gpointer data)
{
	Door *door = data;

	g_assert(message->body != NULL);
	door->n_messages++;
}

static gboolean
on_control(const AcceptedControl *accepted, gpointer data)
{
	Door *door = data;

	g_assert(accepted->n_said > 0);
	door->conn = control_conn_new(accepted->socket, on_message, door);
	control_conn_take(door->conn, accepted->said, accepted->n_said);
	g_assert(door->n_messages > 0);
	door->over = TRUE;
	return TRUE;
}

static gboolean
on_channel(const ControlPreamble *preamble, int fd, gpointer data)
{
	Door *door = data;
	gboolean taken = preamble->index == 0;

	if (taken)
		close(fd);
	door->over |= taken;
	return taken;
}

static gboolean
on_expects(const char *pass, gpointer data)
{
	g_assert(pass != NULL);
	return pass[0] == 'a';
}

static void
on_rejected(const char *peer, const GError *error, gpointer data)
{
	g_assert(error != NULL && g_utf8_validate(error->message, -1, NULL));
	((Door *)data)->over = TRUE;
}

static const AcceptorListener listener = { on_control, on_channel, on_expects, on_rejected };

static TlsCreds *
make_creds(void)
{
	g_autofree char *dir = g_dir_make_tmp("godwit-fuzz-XXXXXX", NULL);
	g_autoptr(GwPki) authority = gw_pki_init(dir, 30, NULL);
	g_autoptr(GwPki) host = gw_pki_add_host(dir, "b", NULL, 30, FALSE, NULL);

	g_assert(authority != NULL && host != NULL);
	TlsCreds *creds = tls_creds_load(host->folder, TLS_SERVER, NULL);
	g_assert(creds != NULL);
	static const char *const names[] = {
		"b/ca-cert.pem",     "b/server-cert.pem", "b/server-key.pem",
		"b/client-cert.pem", "b/client-key.pem",  "b",
		"ca-cert.pem",	     "ca-key.pem",	  ""
	};
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(dir, names[i], NULL);
		g_assert(g_remove(path) == 0);
	}
	return creds;
}

/* Until the stranger, who has hung up, is dealt with. */
static void
greet(GSocket *socket, const AcceptorConfig *terms)
{
	Door door = { 0 };
	AcceptorSet *set = acceptor_set_new(&listener, terms, &door);

	acceptor_set_add(set, socket);
	for (guint i = 0; i < MAX_TURNS; i++)
		if (!g_main_context_iteration(NULL, FALSE) && door.over)
			break;
	if (door.conn != NULL)
		g_assert(door.n_messages > 0 || control_conn_get_error(door.conn) != NULL);
	control_conn_free(door.conn);
	acceptor_set_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static AcceptorConfig terms = { .insecure = TRUE };
	int ends[2];

	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	if (terms.tls == NULL) {
		terms.tls = make_creds();
		terms.pumps = tls_pumps_new();
	}
	size = MIN(size, MAX_BYTES);
	g_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	g_assert(send(ends[1], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	shutdown(ends[1], SHUT_WR);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(ends[0], NULL);
	greet(socket, &terms);
	close(ends[1]);
	return 0;
}
