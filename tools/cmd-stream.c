/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit stream: counts what a saved migration stream consists of. A folder has one file for each
 * channel. The first bytes of a file tell whether it is the main channel or one of multifd. The
 * file with the destination's answers has the name "return".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/gw-stream.h"
#include "tools/cmd.h"
#include "tools/terminal-sanitize.h"
#include "tools/stream-text.h"

#define PIECE_BYTES (256 * 1024)

typedef struct {
	gboolean json;
} StreamOptions;

static gboolean
fail_errno(GError **error, const char *path)
{
	int code = errno;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code), "'%s': %s", path,
		    g_strerror(code));
	return FALSE;
}

static gboolean
read_channel(GwStreamReader *reader, int fd, const char *name, GError **error)
{
	g_autofree char *piece = g_malloc(PIECE_BYTES);
	int channel = gw_stream_reader_add(reader, name, strcmp(name, "return") == 0);
	if (channel < 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_MFILE, "more than %d channels",
			    GW_STREAM_MAX_CHANNELS);
		return FALSE;
	}
	while (TRUE) {
		ssize_t n = read(fd, piece, PIECE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(error, name);
		if (n == 0)
			break;
		gw_stream_reader_push(reader, channel, piece, (gsize)n);
	}
	gw_stream_reader_end(reader, channel);
	return TRUE;
}

static gboolean
read_file(GwStreamReader *reader, const char *path, GError **error)
{
	g_autofree char *name = g_path_get_basename(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(error, path);
	gboolean is_read = read_channel(reader, fd, name, error);
	close(fd);
	return is_read;
}

static int
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads every file of the folder, sorted by name. */
static gboolean
read_folder(GwStreamReader *reader, const char *path, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, error);
	if (dir == NULL)
		return FALSE;
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		if (g_file_test(file, G_FILE_TEST_IS_REGULAR))
			g_ptr_array_add(files, g_steal_pointer(&file));
	}
	g_ptr_array_sort(files, compare);
	for (guint i = 0; i < files->len; i++)
		if (!read_file(reader, g_ptr_array_index(files, i), error))
			return FALSE;
	if (files->len == 0)
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
			    "'%s': the folder has no files", path);
	return files->len > 0;
}

static gboolean
read_all(GwStreamReader *reader, const char *path, GError **error)
{
	if (strcmp(path, "-") == 0)
		return read_channel(reader, STDIN_FILENO, "-", error);
	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return read_folder(reader, path, error);
	return read_file(reader, path, error);
}

/* Prints the error of each channel to stderr. */
static int
judge(const GwStreamAccount *account)
{
	for (guint i = 0; i < account->channels->len; i++) {
		const GwStreamChannel *channel = g_ptr_array_index(account->channels, i);
		if (channel->error != NULL)
			fprintf(stderr, "%s: '%s': %s\n", g_get_prgname(),
				terminal_sanitize(channel->name),
				terminal_sanitize(channel->error));
	}
	return gw_stream_account_is_complete(account) ? 0 : EXIT_FAILURE;
}

static int
count(gpointer data, char **arguments)
{
	StreamOptions *options = data;
	g_autoptr(GwStreamReader) reader = gw_stream_reader_new();
	GError *error = NULL;
	if (!read_all(reader, arguments[0], &error))
		return cmd_fail(EXIT_FAILURE, error);
	g_autoptr(GwStreamAccount) account = gw_stream_reader_get_account(reader);
	g_autofree char *text =
		options->json ? gw_stream_account_to_json(account) : stream_text(account);
	fputs(text, stdout);
	if (options->json)
		putchar('\n');
	return cmd_printed(judge(account));
}

static const CmdOption options[] = {
	{ "json", G_STRUCT_OFFSET(StreamOptions, json), NULL,
	  "Print the account as JSON, with one for each channel" },
	{ NULL },
};

const Cmd verb_stream = {
	.name = "stream",
	.arguments = "FILE",
	.summary = "Count the bytes of each device in a saved migration stream",
	.detail = "FILE is a file with one channel, '-' for standard input, or a folder with one "
		  "file\n"
		  "for each channel. In a folder the file 'return' has the destination's "
		  "answers.\n",
	.options = options,
	.options_size = sizeof(StreamOptions),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = count,
};
