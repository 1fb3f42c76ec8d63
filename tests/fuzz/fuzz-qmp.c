/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what a QMP client reads. The input is a stream from a hostile QEMU; each object in
 * it goes the way of a message and also of every answer that qmp/ looks into. Besides not crashing,
 * cutting the stream in other places must not change what is found in it.
 */
#include <stddef.h>
#include <stdint.h>

#include "qmp/json-frame.h"
#include "qmp/qmp-migration.h"
#include "qmp/qmp-parameters.h"
#include "qmp/qmp-wire.h"

/* Small, so that the fuzzer finds the limits. */
static const JsonLimits limits = {
	.bytes = 8192,
	.string_bytes = 4096,
	.heap_bytes = 256 * 1024,
	.depth = 16,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_answers(JsonNode *body)
{
	g_auto(QmpMigrateInfo) info;

	qmp_migrate_info_init(&info);
	if (!qmp_migrate_info_parse(body, &info, NULL))
		g_assert(info.error_desc == NULL);
	g_autoptr(QmpParameters) parameters = qmp_parameters_from_node(body);
	g_auto(GStrv) names = qmp_parameters_list(parameters);
	for (guint i = 0; names[i] != NULL; i++) {
		g_autofree char *value = qmp_parameters_get_text(parameters, names[i]);
		g_assert(value != NULL);
	}
}

static void
try_message(const char *text, gsize len)
{
	g_auto(QmpMessage) message = { .kind = QMP_MESSAGE_UNKNOWN };
	g_autoptr(GError) error = NULL;

	if (!qmp_wire_parse(text, len, &message, &error)) {
		g_assert(error != NULL);
		return;
	}
	if (message.kind == QMP_MESSAGE_RETURN)
		try_answers(message.body);
}

/* How many objects there are, and the sum of their lengths. */
static guint64
walk(const uint8_t *data, gsize size, gsize piece, gboolean parse)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&limits);
	const char *text = NULL;
	gsize len = 0;
	guint64 digest = 0;

	for (gsize at = 0; at < size; at += piece) {
		json_frame_push(frame, data + at, MIN(piece, size - at));
		while (json_frame_next(frame, &text, &len, NULL) && text != NULL) {
			g_assert(len >= 2 && len <= limits.bytes);
			digest += (G_GUINT64_CONSTANT(1) << 32) + len;
			if (parse)
				try_message(text, len);
		}
	}
	return digest * 2 + json_frame_end(frame, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	guint64 whole = walk(data, size, size, TRUE);
	g_assert(walk(data, size, 1, FALSE) == whole);
	return 0;
}
