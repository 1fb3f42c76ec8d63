/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a relay costs: spliced, read and written in 256 KiB, and read by the parser on its way,
 * beside none at all. Measured by hand, never in a test: the machine is noisy.
 *
 * usage: bench-relay [MIB [ROUNDS]] a stream of MIB (768), carried ROUNDS times (9) each way
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/channel/relay.h"
#include "engine/stream/stream.h"
#include "tests/bench/bench-flow.h"
#include "tests/rig/stream-forge.h"

#define PAGE_BYTES 4096
#define USAGE	   "bench-relay [MIB [ROUNDS]]"

/* AF_UNIX -> [relay] -> TCP, or a second one and AF_UNIX again, as multifd has it at the
 * destination. */
typedef struct {
	Relay *relays[2];
	Stream *stream; /* (nullable) */
	int fds[4];
} Between;

static gboolean
open_none(BenchFlow *flow, gpointer data)
{
	bench_tcp(&flow->in, &flow->out);
	return TRUE;
}

static void
close_none(BenchFlow *flow)
{
}

static void
look_at_nothing(gpointer data, const guint8 *bytes, gsize n_bytes, RelayDirection direction)
{
}

static void
parse(gpointer data, const guint8 *bytes, gsize n_bytes, RelayDirection direction)
{
	if (direction == RELAY_TO_PEER)
		stream_push(data, bytes, n_bytes);
}

static void
begin(BenchFlow *flow, RelayTap tap, gboolean at_both_ends)
{
	Between *self = g_new0(Between, 1);
	int near[2], far[2] = { -1, -1 };
	int dialled, accepted;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, near) != 0 ||
	    (at_both_ends && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far) != 0))
		abort();
	bench_tcp(&dialled, &accepted);
	if (tap == parse)
		self->stream = stream_new(FALSE);
	self->relays[0] = relay_new(near[1], dialled,
				    &(RelayOptions){ .tap = tap, .tap_data = self->stream }, NULL);
	if (at_both_ends)
		self->relays[1] = relay_new(far[0], accepted, &(RelayOptions){ .tap = tap }, NULL);
	memcpy(self->fds, (int[]){ near[1], dialled, at_both_ends ? accepted : -1, far[0] },
	       sizeof self->fds);
	*flow = (BenchFlow){ near[0], at_both_ends ? far[1] : accepted, self };
}

static gboolean
open_spliced(BenchFlow *flow, gpointer data)
{
	begin(flow, NULL, FALSE);
	return TRUE;
}

static gboolean
open_copied(BenchFlow *flow, gpointer data)
{
	begin(flow, look_at_nothing, FALSE);
	return TRUE;
}

static gboolean
open_parsed(BenchFlow *flow, gpointer data)
{
	begin(flow, parse, FALSE);
	return TRUE;
}

static gboolean
open_both_spliced(BenchFlow *flow, gpointer data)
{
	begin(flow, NULL, TRUE);
	return TRUE;
}

static gboolean
open_both_copied(BenchFlow *flow, gpointer data)
{
	begin(flow, look_at_nothing, TRUE);
	return TRUE;
}

static void
close_relays(BenchFlow *flow)
{
	Between *self = flow->more;
	for (guint i = 0; i < G_N_ELEMENTS(self->relays); i++)
		relay_free(self->relays[i]);
	for (guint i = 0; i < G_N_ELEMENTS(self->fds); i++)
		if (self->fds[i] >= 0)
			close(self->fds[i]);
	if (self->stream != NULL) {
		StreamCounts counts;
		stream_read(self->stream, &counts);
		if (counts.state == STREAM_LOST)
			g_error("the stream was not read");
		stream_free(self->stream);
	}
	g_free(self);
}

static const BenchWay ways[] = {
	{ "no relay", open_none, close_none },
	{ "splice", open_spliced, close_relays },
	{ "read and write", open_copied, close_relays },
	{ "read, parse and write", open_parsed, close_relays },
	{ "splice, at both ends", open_both_spliced, close_relays },
	{ "read and write, both ends", open_both_copied, close_relays },
};

/* A main channel with nothing but pages. */
static GByteArray *
make(gsize bytes)
{
	GByteArray *out = g_byte_array_sized_new((guint)bytes + PAGE_BYTES);
	guint8 page[PAGE_BYTES];
	for (gsize i = 0; i < sizeof page; i++)
		page[i] = (guint8)(i * 7);
	forge_header(out);
	forge_section(out, 1, 2, "ram", 4);
	while (out->len < bytes) {
		forge_be64(out, 0x08 | 0x20);
		g_byte_array_append(out, page, sizeof page);
	}
	return out;
}

int
main(int argc, char **argv)
{
	guint mib = bench_argument(argc, argv, 1, 768, 2048, USAGE);
	guint rounds = bench_argument(argc, argv, 2, 9, BENCH_MAX_ROUNDS, USAGE);
	g_autoptr(GByteArray) bytes = make((gsize)mib << 20);
	bench_compare(ways, G_N_ELEMENTS(ways), bytes, rounds, NULL);
	return 0;
}
