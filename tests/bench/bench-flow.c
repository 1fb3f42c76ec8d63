/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/bench-flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "engine/control/net.h"

#define PIECE_BYTES  (256 * 1024)
#define UNSENT_BYTES (128 * 1024)

typedef struct {
	double cpu_s, wall_s;
} Cost;

typedef struct {
	int fd;
	const GByteArray *bytes;
} Writer;

static double
cpu_s(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static gpointer
write_all(gpointer data)
{
	Writer *self = data;
	for (gsize at = 0; at < self->bytes->len;) {
		gsize piece = MIN(PIECE_BYTES, self->bytes->len - at);
		ssize_t n = send(self->fd, self->bytes->data + at, piece, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		at += (gsize)n;
	}
	shutdown(self->fd, SHUT_WR);
	return NULL;
}

static Cost
carry(const BenchFlow *flow, const GByteArray *bytes)
{
	g_autofree guint8 *buffer = g_malloc(PIECE_BYTES);
	Writer writer = { flow->in, bytes };
	gsize heard = 0;
	ssize_t n;
	g_unix_set_fd_nonblocking(flow->in, FALSE, NULL);
	g_unix_set_fd_nonblocking(flow->out, FALSE, NULL);
	double begun_s = cpu_s();
	gint64 begun_us = g_get_monotonic_time();
	GThread *thread = g_thread_new("writer", write_all, &writer);
	while ((n = recv(flow->out, buffer, PIECE_BYTES, 0)) > 0)
		heard += (gsize)n;
	g_thread_join(thread);
	Cost cost = { cpu_s() - begun_s, (double)(g_get_monotonic_time() - begun_us) / 1e6 };
	if (heard != bytes->len) {
		fprintf(stderr, "%zu bytes of %u came through\n", heard, bytes->len);
		exit(EXIT_FAILURE);
	}
	return cost;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double
median(const Cost *costs, guint n, gboolean of_cpu)
{
	double values[BENCH_MAX_ROUNDS];
	for (guint i = 0; i < n; i++)
		values[i] = of_cpu ? costs[i].cpu_s : costs[i].wall_s;
	qsort(values, n, sizeof *values, compare);
	return values[n / 2];
}

static void
shuffle(gsize *order, gsize n)
{
	for (gsize i = n; i > 1; i--) {
		gsize other = (gsize)g_random_int_range(0, (gint32)i);
		gsize kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

static gboolean
run(const BenchWay *way, const GByteArray *bytes, gpointer data, Cost *ret_cost)
{
	BenchFlow flow = { .in = -1, .out = -1 };
	if (!way->open(&flow, data))
		return FALSE;
	*ret_cost = carry(&flow, bytes);
	way->close(&flow);
	close(flow.in);
	close(flow.out);
	return TRUE;
}

void
bench_compare(const BenchWay *ways, gsize n_ways, const GByteArray *bytes, guint rounds,
	      gpointer data)
{
	g_autofree Cost *costs = g_new0(Cost, n_ways * rounds);
	g_autofree gsize *order = g_new(gsize, n_ways);
	g_autofree gboolean *is_there = g_new0(gboolean, n_ways);
	for (gsize i = 0; i < n_ways; i++)
		order[i] = i;
	for (guint round = 0; round < rounds; round++) {
		shuffle(order, n_ways);
		for (gsize i = 0; i < n_ways; i++)
			is_there[order[i]] = run(&ways[order[i]], bytes, data,
						 &costs[order[i] * rounds + round]);
	}
	double gib = bytes->len / 1073741824.0;
	printf("%u rounds of %u MiB over loopback; medians\n%-28s %12s %8s\n", rounds,
	       bytes->len >> 20, "", "CPU s a GiB", "GiB/s");
	for (gsize i = 0; i < n_ways; i++) {
		if (!is_there[i]) {
			printf("%-28s cannot be had here\n", ways[i].name);
			continue;
		}
		const Cost *mine = &costs[i * rounds];
		printf("%-28s %12.2f %8.2f\n", ways[i].name, median(mine, rounds, TRUE) / gib,
		       gib / median(mine, rounds, FALSE));
	}
}

void
bench_tcp(int *ret_dialled, int *ret_accepted)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof here;
	const char *congestion = net_choose_congestion();
	int unsent_bytes = UNSENT_BYTES;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (congestion != NULL)
		setsockopt(dialled, IPPROTO_TCP, TCP_CONGESTION, congestion,
			   (socklen_t)strlen(congestion));
	setsockopt(dialled, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
	if (bind(listener, (struct sockaddr *)&here, len) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&here, &len) != 0 ||
	    connect(dialled, (struct sockaddr *)&here, len) != 0)
		g_error("no connection over loopback: %s", g_strerror(errno));
	*ret_accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	*ret_dialled = dialled;
	close(listener);
}

guint
bench_argument(int argc, char **argv, int at, guint otherwise, guint most, const char *usage)
{
	if (at >= argc)
		return otherwise;
	guint64 value = g_ascii_strtoull(argv[at], NULL, 10);
	if (argc <= 3 && value >= 1 && value <= most)
		return (guint)value;
	fprintf(stderr, "usage: %s\n", usage);
	exit(2);
}
