/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwStreamReader and 'godwit stream': the channels of a migration together, pushed in any order of
 * threads, and what people and programs are shown of it.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/gw-stream.h"
#include "tests/rig/golden.h"
#include "tests/rig/stream-data.h"
#include "tests/rig/test-util.h"
#include "tools/stream-text.h"

#define RECORDING "10.0-vgpus-multifd"

/* (transfer full): read by one thread, one channel after the other. */
static GwStreamAccount *
read_recording(const StreamRecording *recording)
{
	g_autoptr(GwStreamReader) reader = gw_stream_reader_new();
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *from = g_ptr_array_index(recording->channels, i);
		int channel =
			gw_stream_reader_add(reader, from->name, g_str_equal(from->name, "return"));
		gsize len;
		const void *data = g_bytes_get_data(from->data, &len);
		gw_stream_reader_push(reader, channel, data, len);
		gw_stream_reader_end(reader, channel);
	}
	return gw_stream_reader_get_account(reader);
}

static gint64
sum_of(const GwStreamBytes *bytes)
{
	gint64 sum = bytes->other_devices_bytes + bytes->description_bytes + bytes->framing_bytes +
		     bytes->unparsed_bytes;
	for (guint i = 0; i < GW_STREAM_N_PHASES; i++)
		sum += bytes->ram[i].page_bytes + bytes->ram[i].zero_bytes +
		       bytes->ram[i].framing_bytes;
	for (guint i = 0; i < bytes->devices->len; i++) {
		const GwStreamDevice *device = g_ptr_array_index(bytes->devices, i);
		sum += device->precopy_bytes + device->stop_copy_bytes + device->config_bytes +
		       device->framing_bytes;
	}
	return sum;
}

static void
test_channels_add_up(void)
{
	g_auto(GStrv) names = stream_data_names();
	for (guint i = 0; names[i] != NULL; i++) {
		g_autoptr(StreamRecording) recording = stream_data_read(names[i]);
		g_autoptr(GwStreamAccount) account = read_recording(recording);
		gint64 sent = 0;
		for (guint k = 0; k < account->channels->len; k++) {
			const GwStreamChannel *channel = g_ptr_array_index(account->channels, k);
			CU_ASSERT_EQUAL(sum_of(&channel->bytes), channel->bytes.total_bytes);
			sent += g_str_equal(channel->kind, "return") ? 0
								     : channel->bytes.total_bytes;
		}
		CU_ASSERT_TRUE(gw_stream_account_is_complete(account));
		CU_ASSERT_EQUAL(account->bytes.total_bytes, sent);
		CU_ASSERT_EQUAL(sum_of(&account->bytes), sent);
		CU_ASSERT_EQUAL(account->bytes.devices->len, (guint)recording->vgpus);
		CU_ASSERT_EQUAL(account->vfio_transferred_bytes, recording->vfio_transferred);
	}
}

/* ---- threads ---- */

typedef struct {
	GwStreamReader *reader;
	const StreamChannel *from;
	int channel;
} Pusher;

static gpointer
push_slowly(gpointer data)
{
	Pusher *self = data;
	gsize len;
	const guint8 *bytes = g_bytes_get_data(self->from->data, &len);
	for (gsize at = 0; at < len; at += 100)
		gw_stream_reader_push(self->reader, self->channel, bytes + at, MIN(100, len - at));
	gw_stream_reader_end(self->reader, self->channel);
	return NULL;
}

/* While threads push, the account never goes back and always adds up. */
static void
test_read_while_threads_push(void)
{
	g_autoptr(StreamRecording) recording = stream_data_read(RECORDING);
	g_autoptr(GwStreamReader) reader = gw_stream_reader_new();
	GThread *threads[8] = { NULL };
	Pusher pushers[8];
	gint64 before = 0, total = 0;
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *from = g_ptr_array_index(recording->channels, i);
		gboolean is_return = g_str_equal(from->name, "return");
		pushers[i] = (Pusher){ reader, from,
				       gw_stream_reader_add(reader, from->name, is_return) };
		threads[i] = g_thread_new("push", push_slowly, &pushers[i]);
		total += is_return ? 0 : (gint64)g_bytes_get_size(from->data);
	}
	while (before < total) {
		g_autoptr(GwStreamAccount) account = gw_stream_reader_get_account(reader);
		CU_ASSERT_TRUE_FATAL(account->bytes.total_bytes >= before);
		CU_ASSERT_EQUAL_FATAL(sum_of(&account->bytes), account->bytes.total_bytes);
		before = account->bytes.total_bytes;
	}
	for (guint i = 0; i < recording->channels->len; i++)
		g_thread_join(threads[i]);
	g_autoptr(GwStreamAccount) live = gw_stream_reader_get_account(reader);
	g_autoptr(GwStreamAccount) later = read_recording(recording);
	g_autofree char *live_json = gw_stream_account_to_json(live);
	g_autofree char *later_json = gw_stream_account_to_json(later);
	TEST_STRING(live_json, later_json);
}

static void
test_too_many_channels(void)
{
	g_autoptr(GwStreamReader) reader = gw_stream_reader_new();
	for (int i = 0; i < GW_STREAM_MAX_CHANNELS; i++)
		CU_ASSERT_EQUAL(gw_stream_reader_add(reader, "channel", FALSE), i);
	CU_ASSERT_EQUAL(gw_stream_reader_add(reader, "channel", FALSE), -1);
}

/* ---- what is shown ---- */

static void
test_text_and_json(void)
{
	g_autoptr(StreamRecording) recording = stream_data_read(RECORDING);
	g_autoptr(GwStreamAccount) account = read_recording(recording);
	g_autoptr(GwStreamAccount) copy = gw_stream_account_copy(account);
	g_autofree char *text = stream_text(copy);
	g_autofree char *json = gw_stream_account_to_json(copy);
	golden_check("stream-account/text.txt", text);
	golden_check("stream-account/account.json", json);
}

/* Runs the program; its output and errors in one. */
static char *
run(const char *argument, int *ret_exit_code)
{
	g_autofree char *line = g_strdup_printf("sh -c '%s stream %s 2>&1'", TEST_GODWIT, argument);
	char *out = NULL;
	int status = -1;
	CU_ASSERT_TRUE_FATAL(g_spawn_command_line_sync(line, &out, NULL, &status, NULL));
	*ret_exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return out;
}

static void
check_run(const char *argument, int exit_code, const char *expected)
{
	int code;
	g_autofree char *out = run(argument, &code);
	CU_ASSERT_EQUAL(code, exit_code);
	if (strstr(out, expected) == NULL)
		TEST_STRING(out, expected);
}

/* Writes the channels of the recording into a folder, cut by so many bytes at their ends. */
static void
write_channels(const char *folder, gsize cut)
{
	g_autoptr(StreamRecording) recording = stream_data_read(RECORDING);
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *channel = g_ptr_array_index(recording->channels, i);
		g_autofree char *path = g_build_filename(folder, channel->name, NULL);
		gsize len;
		const char *data = g_bytes_get_data(channel->data, &len);
		CU_ASSERT_TRUE(
			g_file_set_contents(path, data, (gssize)(len - MIN(cut, len)), NULL));
	}
}

static void
test_program(void)
{
	char *folder = test_folder_new();
	g_autofree char *main = g_build_filename(folder, "main", NULL);
	g_autofree char *from_stdin = g_strdup_printf("- <%s", main);
	g_autofree char *missing = g_build_filename(folder, "missing", NULL);
	check_run(folder, 1, "the folder has no files");
	write_channels(folder, 0);
	int code;
	g_autofree char *text = run(folder, &code);
	CU_ASSERT_EQUAL(code, 0);
	golden_check("stream-account/text.txt", text);
	check_run(main, 0, "vfio.transferred counts 73984");
	check_run(from_stdin, 0, "\n  - (main)");
	check_run(missing, 1, "missing': No such file or directory\n");
	check_run("", 2, "FILE is missing");
	write_channels(folder, 1);
	check_run(folder, 1, "godwit stream: 'main': at offset 151590: it ends here too early\n");
	check_run(folder, 1, "main (main) ");
	check_run(folder, 1, "not complete\n");
	test_folder_free(folder);
}

CU_TestInfo suite_stream_account[] = {
	{ "the channels of real migrations add up", test_channels_add_up },
	{ "it is read while threads push", test_read_while_threads_push },
	{ "there is a most of channels", test_too_many_channels },
	{ "as text and as JSON", test_text_and_json },
	{ "godwit stream: a file, a folder, standard input", test_program },
	CU_TEST_INFO_NULL,
};
