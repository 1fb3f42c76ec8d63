/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of real QEMUs, kept compressed. In the schema objects name each other: a command names
 * its argument type by a number, and another object of that name has the members.
 */
#include "tests/rig/recorded.h"

#include <gio/gio.h>

const char *const recorded_versions[] = { "7.2", "10.0", "11.1", NULL };

static GBytes *
read_all(const char *path)
{
	g_autoptr(GFile) file = g_file_new_for_path(path);
	g_autoptr(GError) error = NULL;
	g_autoptr(GFileInputStream) raw = g_file_read(file, NULL, &error);
	g_assert_no_error(error);
	g_autoptr(GZlibDecompressor) gunzip =
		g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
	g_autoptr(GInputStream) plain =
		g_converter_input_stream_new(G_INPUT_STREAM(raw), G_CONVERTER(gunzip));
	g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
	g_output_stream_splice(memory, plain, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
	g_assert_no_error(error);
	return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
}

JsonNode *
recorded_answer(const char *version, const char *name)
{
	g_autofree char *path = g_strdup_printf("%s/qmp/%s.json.gz", TEST_DATA, version);
	g_autoptr(GBytes) bytes = read_all(path);
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;
	json_parser_load_from_data(parser, g_bytes_get_data(bytes, NULL),
				   (gssize)g_bytes_get_size(bytes), &error);
	g_assert_no_error(error);
	JsonNode *node =
		json_object_dup_member(json_node_get_object(json_parser_get_root(parser)), name);
	g_assert_nonnull(node);
	return node;
}

char *
recorded_text(const char *version, const char *name)
{
	g_autoptr(JsonNode) node = recorded_answer(version, name);
	if (JSON_NODE_HOLDS_VALUE(node))
		return json_node_dup_string(node);
	return g_strdup(
		json_object_get_string_member(json_node_get_object(node), "human-readable-text"));
}

/* (transfer none) (nullable) */
static JsonObject *
find(JsonArray *schema, const char *kind, const char *name)
{
	for (guint i = 0; i < json_array_get_length(schema); i++) {
		JsonObject *entry = json_array_get_object_element(schema, i);
		if (g_str_equal(json_object_get_string_member(entry, "meta-type"), kind) &&
		    g_str_equal(json_object_get_string_member(entry, "name"), name))
			return entry;
	}
	return NULL;
}

static gboolean
has_member(JsonObject *type, const char *name)
{
	JsonArray *members = json_object_get_array_member(type, "members");
	for (guint i = 0; i < json_array_get_length(members); i++) {
		JsonObject *member = json_array_get_object_element(members, i);
		if (g_str_equal(json_object_get_string_member(member, "name"), name))
			return TRUE;
	}
	return FALSE;
}

/* (transfer none): parsed once, for it is looked into hundreds of times and not changed. */
static JsonArray *
schema_of(const char *version)
{
	static JsonNode *schemas[G_N_ELEMENTS(recorded_versions)];
	guint v = 0;

	while (!g_str_equal(recorded_versions[v], version))
		v++;
	if (schemas[v] == NULL)
		schemas[v] = recorded_answer(version, "schema");
	return json_node_get_array(schemas[v]);
}

gboolean
recorded_has(const char *version, const char *command, const char *argument)
{
	JsonArray *schema = schema_of(version);
	JsonObject *entry = find(schema, "command", command);
	if (entry == NULL || argument == NULL)
		return entry != NULL;
	JsonObject *type = find(schema, "object", json_object_get_string_member(entry, "arg-type"));
	return type != NULL && has_member(type, argument);
}

gboolean
recorded_has_event(const char *version, const char *event)
{
	return find(schema_of(version), "event", event) != NULL;
}
