/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What encryption costs: by the kernel at both ends, where it can, and by a pump's thread at each,
 * beside plain TCP. In the lab's VM: scripts/lab run build/tests/bench-tls 16 5, after modprobe
 * tls. Measured by hand, never in a test.
 *
 * usage: bench-tls [MIB [ROUNDS]] MIB (256), carried ROUNDS times (9) each way
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench-flow.h"
#include "tests/rig/test-util.h"
#include "tests/rig/tls-rig.h"

#define WAIT_MS 120000
#define USAGE	"bench-tls [MIB [ROUNDS]]"

typedef struct {
	TlsCreds *server, *client;
} Both;

static gboolean
open_plain(BenchFlow *flow, gpointer data)
{
	bench_tcp(&flow->in, &flow->out);
	return TRUE;
}

static void
close_nothing(BenchFlow *flow)
{
}

/* @rekey: no kernel takes it then. */
static void
shake_hands(BenchFlow *flow, const Both *both, gboolean rekey, TlsInfo *ret_info)
{
	const TlsServerPolicy door = { .pumps = tls_rig_pumps() };
	const TlsClientOptions wish = { .pumps = tls_rig_pumps(), .host = "b", .rekey = rekey };
	int dialled, accepted;
	g_autoptr(GError) error = NULL;
	TlsRigServed served;
	bench_tcp(&dialled, &accepted);
	TlsRigServer *serving = tls_rig_serve(both->server, accepted, &door, NULL);
	flow->in = tls_connect(both->client, dialled, &wish, WAIT_MS, ret_info, NULL, &error);
	tls_rig_finish(serving, &served);
	flow->out = served.fd;
	if (flow->in < 0 || flow->out < 0)
		g_error("no connection: %s", error != NULL ? error->message : "?");
	served.fd = -1;
	tls_rig_served_clear(&served);
}

static gboolean
open_pumps(BenchFlow *flow, gpointer data)
{
	g_auto(TlsInfo) info = { 0 };
	shake_hands(flow, data, TRUE, &info);
	return TRUE;
}

static gboolean
open_kernel(BenchFlow *flow, gpointer data)
{
	g_auto(TlsInfo) info = { 0 };
	if (tls_creds_get_kernel_version(((Both *)data)->client) == 0)
		return FALSE;
	shake_hands(flow, data, FALSE, &info);
	if (!g_str_equal(info.here, "kernel-tls") || !g_str_equal(info.there, "kernel-tls"))
		g_error("the kernel has not got both ends");
	return TRUE;
}

static const BenchWay ways[] = {
	{ "plain", open_plain, close_nothing },
	{ "TLS by the kernel", open_kernel, close_nothing },
	{ "TLS by a pump at each end", open_pumps, close_nothing },
};

int
main(int argc, char **argv)
{
	guint mib = bench_argument(argc, argv, 1, 256, 2048, USAGE);
	guint rounds = bench_argument(argc, argv, 2, 9, BENCH_MAX_ROUNDS, USAGE);
	char *folder = test_folder_new();
	g_autofree char *host = tls_rig_folder(folder, "ca", NULL);
	Both both = { tls_creds_load(host, TLS_SERVER, NULL),
		      tls_creds_load(host, TLS_CLIENT, NULL) };
	g_autoptr(GByteArray) bytes = g_byte_array_sized_new(mib << 20);
	g_byte_array_set_size(bytes, mib << 20);
	memset(bytes->data, 7, bytes->len);
	bench_compare(ways, G_N_ELEMENTS(ways), bytes, rounds, &both);
	tls_rig_end();
	tls_creds_unref(both.server);
	tls_creds_unref(both.client);
	test_folder_free(folder);
	return 0;
}
