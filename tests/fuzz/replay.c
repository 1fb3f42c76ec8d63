/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target over a corpus without a fuzzer: each file whole, cut at every byte, and with
 * every byte changed in a few ways. Files of more than SMALL_BYTES are changed at some places only,
 * so that the whole stays a matter of seconds.
 *
 * usage: replay-<target> FOLDER
 */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint64 n_runs;

/* A copy of exactly @len bytes, so that a read behind its end is seen by ASan and valgrind. */
static void
run(const char *data, gsize len)
{
	g_autofree uint8_t *copy = g_malloc(MAX(len, 1));

	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	n_runs++;
}

static void
change_byte(char *data, gsize len, gsize at)
{
	const char saved = data[at];
	const char values[] = { '\0', '"', '{', '}', '[', '\\', '9', '-', '\xff', saved ^ 1 };

	for (gsize i = 0; i < sizeof(values); i++) {
		data[at] = values[i];
		run(data, len);
	}
	data[at] = saved;
}

static void
replay(const char *path)
{
	g_autofree char *data = NULL;
	gsize len = 0;
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, &data, &len, &error)) {
		fprintf(stderr, "%s\n", error->message);
		exit(EXIT_FAILURE);
	}
	run(data, len);
	const gsize step = len <= SMALL_BYTES ? 1 : len / SMALL_BYTES + 1;
	for (gsize at = 0; at < len; at += step) {
		run(data, at);
		change_byte(data, len, at);
	}
}

int
main(int argc, char **argv)
{
	g_autoptr(GDir) dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
	const char *name = NULL;
	guint n_files = 0;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(argv[1], name, NULL);
		replay(path);
		n_files++;
	}
	printf("%u files, %" G_GUINT64_FORMAT " runs\n", n_files, n_runs);
	return n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
