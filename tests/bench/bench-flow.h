/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the benches of the channels' ways have in common: bytes that go in at one descriptor and
 * come out at another, and the ways that are compared, in rounds of random order. */

#define BENCH_MAX_ROUNDS 99

/* One way from a writer to a reader, open. */
typedef struct {
	int in, out;   /* the plain ends */
	gpointer more; /* what lies between them, the way's own */
} BenchFlow;

typedef struct {
	const char *name;
	/* %FALSE when it cannot be had here. */
	gboolean (*open)(BenchFlow *flow, gpointer data);
	/* Closes all but the two ends. */
	void (*close)(BenchFlow *flow);
} BenchWay;

/* Prints for each way its medians over @rounds of @bytes: CPU seconds a GiB of writer, way and
 * reader together, and GiB/s. */
void bench_compare(const BenchWay *ways, gsize n_ways, const GByteArray *bytes, guint rounds,
		   gpointer data);

/* Two ends of a connection over loopback as the data channels' are. */
void bench_tcp(int *ret_dialled, int *ret_accepted);
/* The word at @at, or @otherwise; ends the program with @usage when it is none from 1 to @most. */
guint bench_argument(int argc, char **argv, int at, guint otherwise, guint most, const char *usage);
