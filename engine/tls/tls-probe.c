/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finds which version of TLS this host's kernel takes over completely. OpenSSL 3.0 gives the kernel
 * both directions of TLS 1.2, but only the sending direction of 1.3; later versions give it both
 * directions of both. A host without the module has none.
 */
#include "engine/tls/tls-probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vfio/auto-fd.h"

#define MAX_TURNS    100
#define TURN_WAIT_MS 20

gboolean
tls_is_in_kernel(SSL *ssl)
{
	return BIO_get_ktls_send(SSL_get_wbio(ssl)) && BIO_get_ktls_recv(SSL_get_rbio(ssl)) &&
	       !SSL_has_pending(ssl);
}

static gboolean
make_pair(AutoFd *dialled, AutoFd *accepted)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g_auto(AutoFd) listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *dialled < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) != 0 ||
	    connect(*dialled, (struct sockaddr *)&address, sizeof address) != 0)
		return FALSE;
	*accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return *accepted >= 0;
}

/* Without the module the rest is useless. */
static gboolean
has_module(void)
{
	g_auto(AutoFd) dialled = -1;
	g_auto(AutoFd) accepted = -1;
	return make_pair(&dialled, &accepted) &&
	       setsockopt(dialled, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0;
}

static SSL *
make_end(SSL_CTX *context, int fd, int version)
{
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	SSL_set_options(ssl, SSL_OP_ENABLE_KTLS);
	SSL_set_max_proto_version(ssl, version);
	SSL_set_min_proto_version(ssl, version);
	return ssl;
}

static gboolean
shake_hands(SSL *client, SSL *server)
{
	gboolean connected = FALSE, accepted = FALSE;
	for (guint turn = 0; turn < MAX_TURNS && !(connected && accepted); turn++) {
		connected = connected || SSL_connect(client) == 1;
		accepted = accepted || SSL_accept(server) == 1;
		struct pollfd fds[] = { { SSL_get_fd(client), POLLIN, 0 },
					{ SSL_get_fd(server), POLLIN, 0 } };
		poll(fds, 2, connected && accepted ? 0 : TURN_WAIT_MS);
	}
	return connected && accepted;
}

static gboolean
try_version(SSL_CTX *context, int version)
{
	g_auto(AutoFd) dialled = -1;
	g_auto(AutoFd) accepted = -1;
	if (!make_pair(&dialled, &accepted))
		return FALSE;
	/* Both ends run in this one thread in turns. */
	int flags = 1;
	if (ioctl(dialled, FIONBIO, &flags) != 0)
		return FALSE;
	g_autoptr(SSL) client = make_end(context, dialled, version);
	g_autoptr(SSL) server = make_end(context, accepted, version);
	return shake_hands(client, server) && tls_is_in_kernel(client) && tls_is_in_kernel(server);
}

int
tls_probe_kernel(SSL_CTX *context)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	if (!has_module())
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(versions); i++)
		if (try_version(context, versions[i]))
			return versions[i];
	return 0;
}
