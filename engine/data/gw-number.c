/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwNumber: a quantity with its source and its confidence, how two of them are combined, and their
 * JSON.
 */
#include "engine/gw-number.h"

#include "engine/data/number-json.h"

static const char *const sources[] = {
	[GW_SOURCE_STREAM] = "stream",
	[GW_SOURCE_QEMU] = "qemu",
	[GW_SOURCE_TRACE] = "trace",
	[GW_SOURCE_DEVICE] = "device",
	[GW_SOURCE_FRAMEBUFFER] = "framebuffer",
	[GW_SOURCE_MODEL] = "model",
};

static const char *const confidences[] = {
	[GW_CONFIDENCE_MEASURED] = "measured",
	[GW_CONFIDENCE_ESTIMATED] = "estimated",
	[GW_CONFIDENCE_BOUND] = "bound",
	[GW_CONFIDENCE_LOWER_BOUND] = "lower-bound",
};

GwNumber
gw_number(gint64 value, GwNumberSource source, GwConfidence confidence)
{
	GwNumber number = { value, source, confidence };
	return value < 0 ? GW_NUMBER_UNKNOWN : number;
}

gboolean
gw_number_is_known(GwNumber self)
{
	return self.value >= 0;
}

static gboolean
is_bound(GwNumber number)
{
	return number.confidence >= GW_CONFIDENCE_BOUND;
}

GwNumber
gw_number_add(GwNumber a, GwNumber b)
{
	gboolean clash = is_bound(a) && is_bound(b) && a.confidence != b.confidence;
	if (!gw_number_is_known(a) || !gw_number_is_known(b) || clash)
		return GW_NUMBER_UNKNOWN;
	GwNumber sum =
		a.confidence > b.confidence || (a.confidence == b.confidence && a.source > b.source)
			? a
			: b;
	sum.value = a.value > G_MAXINT64 - b.value ? G_MAXINT64 : a.value + b.value;
	return sum;
}

const char *
gw_number_source_to_string(GwNumberSource source)
{
	return (guint)source < G_N_ELEMENTS(sources) ? sources[source] : "model";
}

const char *
gw_confidence_to_string(GwConfidence confidence)
{
	return (guint)confidence < G_N_ELEMENTS(confidences) ? confidences[confidence]
							     : "estimated";
}

static JsonObject *
origin_to_object(GwNumber number)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "source", gw_number_source_to_string(number.source));
	fields_add_string(object, "confidence", gw_confidence_to_string(number.confidence));
	return object;
}

void
number_add_member(JsonObject *object, const char *name, GwNumber number)
{
	if (!gw_number_is_known(number))
		return;
	JsonObject *member = origin_to_object(number);
	fields_add_known(member, "value", number.value);
	json_object_set_object_member(object, name, member);
}

void
number_add_origin(JsonObject *object, const char *name, GwNumber number)
{
	if (gw_number_is_known(number))
		json_object_set_object_member(object, name, origin_to_object(number));
}

/* Returns the index of the member's word in @words. */
static guint
read_word(Fields *fields, const char *name, const char *const *words, guint n_words)
{
	g_autofree char *word = fields_string(fields, name, FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	for (guint i = 0; word != NULL && i < n_words; i++)
		if (g_str_equal(words[i], word))
			return i;
	if (word != NULL)
		fields_fail(fields, name, "has an unknown word");
	return 0;
}

GwConfidence
number_read_confidence(Fields *fields, const char *name)
{
	return read_word(fields, name, confidences, G_N_ELEMENTS(confidences));
}

static void
read_origin(Fields *fields, GwNumber *number)
{
	number->source = read_word(fields, "source", sources, G_N_ELEMENTS(sources));
	number->confidence = number_read_confidence(fields, "confidence");
}

GwNumber
number_read_member(Fields *fields, const char *name)
{
	JsonNode *node = fields_object(fields, name, FIELDS_OPTIONAL);
	if (node == NULL)
		return GW_NUMBER_UNKNOWN;
	g_autofree char *path = g_strdup_printf("%s: %s", fields->path, name);
	Fields inner;
	fields_init(&inner, node, path);
	GwNumber number = { .value = fields_count(&inner, "value", FIELDS_REQUIRED) };
	read_origin(&inner, &number);
	return fields_end_inner(&inner, fields) ? number : GW_NUMBER_UNKNOWN;
}

GwNumber
number_read_origin(Fields *fields, const char *name, gint64 value)
{
	GwNumber number = GW_NUMBER_UNKNOWN;
	number.value = value;
	JsonNode *node = fields_object(fields, name, FIELDS_OPTIONAL);
	if (node == NULL || value < 0)
		return number;
	g_autofree char *path = g_strdup_printf("%s: %s", fields->path, name);
	Fields inner;
	fields_init(&inner, node, path);
	read_origin(&inner, &number);
	return fields_end_inner(&inner, fields) ? number : GW_NUMBER_UNKNOWN;
}
