/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the recordings of real migrations. TEST_DATA comes from meson.
 */
#include "tests/rig/stream-data.h"

#include <CUnit/CUnit.h>
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

static int
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* (transfer full): the names in a folder that end with @suffix, sorted. */
static GStrv
list(const char *path, const char *suffix)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	const char *name;
	while ((name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, suffix))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

GStrv
stream_data_names(void)
{
	g_autofree char *path = g_build_filename(TEST_DATA, "streams", NULL);
	return list(path, "");
}

static GBytes *
unpack(const char *path)
{
	g_autoptr(GFile) file = g_file_new_for_path(path);
	g_autoptr(GError) error = NULL;
	g_autoptr(GFileInputStream) packed = g_file_read(file, NULL, &error);
	g_autoptr(GZlibDecompressor) zlib = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
	g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
	if (packed != NULL) {
		g_autoptr(GInputStream) in =
			g_converter_input_stream_new(G_INPUT_STREAM(packed), G_CONVERTER(zlib));
		g_output_stream_splice(out, in, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
	}
	if (error != NULL)
		fprintf(stderr, "%s: %s\n", path, error->message);
	CU_ASSERT_PTR_NULL_FATAL(error);
	return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(out));
}

static void
channel_free(gpointer data)
{
	StreamChannel *self = data;
	g_free(self->name);
	g_bytes_unref(self->data);
	g_free(self);
}

static GPtrArray *
read_channels(const char *folder)
{
	GPtrArray *channels = g_ptr_array_new_with_free_func(channel_free);
	g_auto(GStrv) names = list(folder, ".gz");
	for (guint i = 0; names[i] != NULL; i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);
		StreamChannel *channel = g_new0(StreamChannel, 1);
		channel->name = g_strndup(names[i], strlen(names[i]) - strlen(".gz"));
		channel->data = unpack(path);
		g_ptr_array_add(channels, channel);
	}
	return channels;
}

static void
read_expected(StreamRecording *self, const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "expected.json", NULL);
	g_autoptr(JsonParser) parser = json_parser_new();
	CU_ASSERT_TRUE_FATAL(json_parser_load_from_file(parser, path, NULL));
	JsonObject *object = json_node_get_object(json_parser_get_root(parser));
	self->qemu = g_strdup(json_object_get_string_member(object, "qemu"));
	self->ram_transferred = json_object_get_int_member(object, "ram_transferred");
	self->ram_total = json_object_get_int_member(object, "ram_total");
	self->pages = json_object_get_int_member(object, "pages");
	self->zero_pages = json_object_get_int_member(object, "zero_pages");
	self->vfio_transferred = json_object_get_int_member(object, "vfio_transferred");
	self->vgpus = json_object_get_int_member(object, "vgpus");
}

StreamRecording *
stream_data_read(const char *name)
{
	g_autofree char *folder = g_build_filename(TEST_DATA, "streams", name, NULL);
	StreamRecording *self = g_new0(StreamRecording, 1);
	self->name = g_strdup(name);
	self->channels = read_channels(folder);
	read_expected(self, folder);
	return self;
}

void
stream_recording_free(StreamRecording *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->qemu);
	g_ptr_array_unref(self->channels);
	g_free(self);
}

void
stream_channel_count(const StreamChannel *self, gsize piece, StreamCounts *ret_counts,
		     char **ret_error)
{
	gsize len;
	const guint8 *data = g_bytes_get_data(self->data, &len);
	g_autoptr(Stream) stream = stream_new(g_str_equal(self->name, "return"));
	for (gsize at = 0; at < len; at += piece)
		stream_push(stream, data + at, MIN(piece, len - at));
	stream_end(stream);
	stream_read(stream, ret_counts);
	if (ret_error != NULL)
		*ret_error = g_strdup(stream_get_error(stream));
}
