/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a vGPU adds to the downtime besides its bytes: how long its driver takes to stop, to start,
 * and to save and load what is sent. No vendor publishes these times, and they depend on the board.
 * So each migration measures them for the next one.
 *
 * The costs of a VM are divided evenly among its vGPUs, and added up again for another VM. This is
 * exact for a VM like the measured one. It is never too little for a VM whose drivers work at the
 * same time.
 *
 * The transfer time is that of the bytes of RAM and vGPUs at the link's bandwidth, plus a
 * remainder. If the vGPUs sent much, and clearly more slowly than the link, the time shows the
 * speed of their drivers. Otherwise the remainder is the cost of all the rest (data in flight,
 * other devices, the load), however much the vGPUs have to send: a few KiB do not show how fast a
 * driver is. If the bytes took most of the time the remainder cannot be measured, because a
 * bandwidth is never known exactly.
 *
 * The last five values of each are kept, and the likely one is their median: a run on a busy host
 * takes half as long again or more, and it must not become the rule. The range covers all five
 * values and is widened, because a few values do not show how different the next one may be.
 */
#include "engine/forecast/learning.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/util/json-parse.h"

#define SURE_SEEN	   3
#define DRIVER_BOUND_RATIO 0.7 /* of the link's bandwidth: below it the driver is the bottleneck */
#define SHOWN \
	0.2				 /* of the bytes' time: a smaller remainder may come from an
			        * inexact bandwidth */
#define MUCH_OF_VRAM 8			 /* 1/8 of the vRAM: less does not show a driver's speed */
#define MAX_VALUE    (G_MAXINT64 / 1024) /* sums of VGPU_MAX values fit, also when widened */
#define PER_MILLE    1000

static const GwRange unknown = { -1, -1, -1 };

static const struct {
	const char *name;
	gsize offset;
	gint64 most;
} kinds[] = {
	{ "stop_us", G_STRUCT_OFFSET(LearnedType, stop_us), MAX_VALUE },
	{ "start_us", G_STRUCT_OFFSET(LearnedType, start_us), MAX_VALUE },
	{ "load_us", G_STRUCT_OFFSET(LearnedType, load_us), MAX_VALUE },
	{ "device_bytes_per_s", G_STRUCT_OFFSET(LearnedType, device_bytes_per_s), MAX_VALUE },
	{ "sent_per_mille", G_STRUCT_OFFSET(LearnedType, sent_per_mille), PER_MILLE },
};

static void
learned_type_free(gpointer data)
{
	LearnedType *self = data;
	g_free(self->type);
	g_free(self->driver_version);
	g_free(self);
}

GPtrArray *
learning_new(void)
{
	return g_ptr_array_new_with_free_func(learned_type_free);
}

static LearnedType *
learned_type_new(const char *type, const char *driver_version)
{
	LearnedType *self = g_new0(LearnedType, 1);
	self->type = g_strdup(type);
	self->driver_version = g_strdup(driver_version);
	return self;
}

static gboolean
is_same(const char *type, const char *driver_version, const GwVgpu *vgpu)
{
	return g_strcmp0(type, vgpu->type) == 0 &&
	       g_strcmp0(driver_version, vgpu->driver_version) == 0;
}

/* (nullable): @ret_at gets its index. */
static LearnedType *
find(const GPtrArray *self, const GwVgpu *vgpu, guint *ret_at)
{
	for (guint i = 0; vgpu->type != NULL && i < self->len; i++) {
		LearnedType *known = g_ptr_array_index(self, i);
		*ret_at = i;
		if (is_same(known->type, known->driver_version, vgpu))
			return known;
	}
	return NULL;
}

/* ---- what a run measured ---- */

/* The times of one vGPU; -1: not measured. */
typedef struct {
	gint64 stop_us;
	gint64 start_us;
	gint64 load_us;
	gint64 device_bytes_per_s;
} Observation;

static gint64
find_part(const GwReport *report, const char *name)
{
	for (guint i = 0; i < report->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(report->downtime_parts, i);
		if (strcmp(part->name, name) == 0)
			return part->us;
	}
	return -1;
}

static gint64
ram_us(const GwPrediction *prediction)
{
	for (guint i = 0; i < prediction->parts->len; i++) {
		const GwPredictedPart *part = g_ptr_array_index(prediction->parts, i);
		if (strcmp(part->name, "ram") == 0)
			return part->us.likely;
	}
	return 0;
}

/* What the vGPUs sent after the guest's stop; -1: not measured. */
static double
stop_copy_bytes(const GwReport *report)
{
	double bytes = 0;
	for (guint i = 0; i < report->vgpus->len; i++) {
		const GwReportVgpu *vgpu = g_ptr_array_index(report->vgpus, i);
		if (vgpu->stop_copy_bytes.value < 0 ||
		    vgpu->stop_copy_bytes.confidence != GW_CONFIDENCE_MEASURED)
			return -1;
		bytes += (double)vgpu->stop_copy_bytes.value;
	}
	return bytes;
}

static double
vram_bytes(const GwReport *report)
{
	double bytes = 0;
	for (guint i = 0; i < report->vgpus->len; i++) {
		const GwReportVgpu *vgpu = g_ptr_array_index(report->vgpus, i);
		bytes += (double)MAX(vgpu->vram_bytes, 0);
	}
	return bytes;
}

/* Reads the transfer. A driver that once seemed slow and is faster now is noted too. @before: what
 * was known. */
static void
read_transfer(const GwReport *report, const Learned *before, Observation *observation)
{
	double us = (double)find_part(report, "transfer"), bytes = stop_copy_bytes(report);
	double link =
		report->prediction != NULL ? (double)report->prediction->bandwidth_bytes_per_s : 0;
	if (us < 0 || bytes < 0 || link <= 0)
		return;
	us -= (double)ram_us(report->prediction);
	double known_us = before->is_load_known ? (double)before->terms.load_us.likely : 0;
	double slowest = (double)before->terms.device_bytes_per_s.likely;
	double rate = bytes * G_USEC_PER_SEC / MAX(us - known_us, 1);
	double link_us = bytes * G_USEC_PER_SEC / link;
	gboolean is_much = bytes > 0 && bytes >= vram_bytes(report) / MUCH_OF_VRAM;
	gboolean is_held_up = is_much && rate < DRIVER_BOUND_RATIO * link;
	if (is_held_up || (is_much && slowest > 0 && rate >= slowest))
		observation->device_bytes_per_s = (gint64)MIN(rate, (double)MAX_VALUE);
	if (!is_held_up && us - link_us > SHOWN * link_us)
		observation->load_us = (gint64)(us - link_us);
}

/* Returns -1 if it was not measured, or if the vGPU sends its memory while the guest runs: then it
 * depends on the dirty rate. */
static gint64
sent_per_mille(const GwReportVgpu *vgpu)
{
	if (vgpu->vram_bytes <= 0 || vgpu->precopy_bytes.value != 0 ||
	    vgpu->stop_copy_bytes.value < 0 ||
	    vgpu->stop_copy_bytes.confidence != GW_CONFIDENCE_MEASURED)
		return -1;
	double part = (double)vgpu->stop_copy_bytes.value / (double)vgpu->vram_bytes;
	return (gint64)(MIN(part, 1) * PER_MILLE);
}

static void
keep(LearnedValues *self, gint64 value)
{
	if (value < 0)
		return;
	self->n = MIN(self->n + 1, LEARNING_KEPT);
	memmove(&self->values[1], &self->values[0], (self->n - 1) * sizeof self->values[0]);
	self->values[0] = MIN(value, MAX_VALUE);
}

/* Moves the type to the front. A full list drops the type that was not seen for the longest
 * time. */
static LearnedType *
find_or_add(GPtrArray *self, const GwVgpu *vgpu)
{
	guint at = 0;
	LearnedType *known = find(self, vgpu, &at);
	if (known != NULL)
		g_ptr_array_steal_index(self, at);
	else
		known = learned_type_new(vgpu->type, vgpu->driver_version);
	g_ptr_array_insert(self, 0, known);
	if (self->len > LEARNING_TYPES_MAX)
		g_ptr_array_set_size(self, LEARNING_TYPES_MAX);
	return known;
}

static gboolean
can_be_named(const GwVgpu *vgpu)
{
	return vgpu->type != NULL && strlen(vgpu->type) <= FIELDS_WORD_BYTES &&
	       (vgpu->driver_version == NULL || strlen(vgpu->driver_version) <= FIELDS_WORD_BYTES);
}

static gint64
share(gint64 us, guint n)
{
	return us < 0 ? -1 : us / n;
}

/* Several vGPUs of one type in one VM are one observation. */
static gboolean
is_first_of_type(const GPtrArray *vgpus, guint at)
{
	const GwVgpu *vgpu = g_ptr_array_index(vgpus, at);
	for (guint i = 0; i < at; i++) {
		const GwVgpu *earlier = g_ptr_array_index(vgpus, i);
		if (is_same(earlier->type, earlier->driver_version, vgpu))
			return FALSE;
	}
	return TRUE;
}

static void
add_observation(LearnedType *self, const Observation *observation, const GwReportVgpu *vgpu,
		guint n_vgpus)
{
	keep(&self->stop_us, share(observation->stop_us, n_vgpus));
	keep(&self->start_us, share(observation->start_us, n_vgpus));
	keep(&self->load_us, share(observation->load_us, n_vgpus));
	keep(&self->device_bytes_per_s, observation->device_bytes_per_s);
	keep(&self->sent_per_mille, sent_per_mille(vgpu));
}

gboolean
learning_take(GPtrArray *self, const GPtrArray *vgpus, const GwReport *report)
{
	guint n = vgpus != NULL ? vgpus->len : 0;
	Observation observation = { find_part(report, "go"), find_part(report, "commit"), -1, -1 };
	Learned before;
	if (n == 0 || n != report->vgpus->len || observation.stop_us < 0 ||
	    observation.start_us < 0)
		return FALSE;
	learning_look_up(self, vgpus, &before);
	read_transfer(report, &before, &observation);
	gboolean is_taken = FALSE;
	for (guint i = 0; i < n; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (!can_be_named(vgpu))
			continue;
		LearnedType *known = find_or_add(self, vgpu);
		known->seen = MIN(known->seen + 1, MAX_VALUE);
		if (is_first_of_type(vgpus, i))
			add_observation(known, &observation, g_ptr_array_index(report->vgpus, i),
					n);
		is_taken = TRUE;
	}
	return is_taken;
}

/* ---- what is known of a VM ---- */

static int
compare(const void *a, const void *b)
{
	gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;
	return (left > right) - (left < right);
}

/* Returns -1 when there are no values. */
static GwRange
range_of(const LearnedValues *self)
{
	if (self->n == 0)
		return unknown;
	LearnedValues sorted = *self;
	qsort(sorted.values, sorted.n, sizeof sorted.values[0], compare);
	const gint64 *middle = &sorted.values[(sorted.n - 1) / 2];
	gint64 median = sorted.n % 2 == 1 ? middle[0] : (middle[0] + middle[1]) / 2;
	return (GwRange){ sorted.values[0], median, sorted.values[sorted.n - 1] };
}

static GwRange
widened(const LearnedValues *self)
{
	GwRange range = range_of(self);
	gint64 off = self->n < SURE_SEEN ? 2 : 4;
	if (range.likely < 0)
		return unknown;
	return (GwRange){ range.low - range.low / off, range.likely,
			  range.high + range.high / off };
}

static void
add(GwRange *sum, GwRange range)
{
	sum->low += range.low;
	sum->likely += range.likely;
	sum->high += range.high;
}

/* Keeps the range of the slowest driver. */
static void
take_slower(GwRange *slowest, GwRange range)
{
	if (range.likely >= 0 && (slowest->likely < 0 || range.likely < slowest->likely))
		*slowest = range;
}

/* Adds the values of one vGPU. -1 stays -1: the sum is then not known. */
static void
add_known(GwRange *sum, const LearnedValues *values)
{
	GwRange range = widened(values);
	if (sum->likely < 0 || range.likely < 0)
		*sum = unknown;
	else
		add(sum, range);
}

static void
set_terms(Learned *learned, GwRange stop_us, GwRange load_us, GwRange start_us)
{
	PredictTerms *terms = &learned->terms;
	if (stop_us.likely < 0 || start_us.likely < 0)
		return;
	terms->stop_us = stop_us;
	terms->start_us = start_us;
	learned->is_load_known = load_us.likely >= 0;
	terms->load_us = learned->is_load_known ? load_us : predict_exactly(0);
	if (learned->is_load_known) /* @load_us includes them */
		terms->in_flight_bytes = terms->device_state_bytes = predict_exactly(0);
}

void
learning_look_up(const GPtrArray *self, const GPtrArray *vgpus, Learned *ret_learned)
{
	guint n = vgpus != NULL ? MIN(vgpus->len, VGPU_MAX) : 0;
	GwRange stop_us = predict_exactly(0), load_us = stop_us, start_us = stop_us;
	GwRange device = unknown;
	for (guint i = 0; i < VGPU_MAX; i++)
		ret_learned->sent_per_mille[i] = unknown;
	for (guint i = 0; i < n; i++) {
		static const LearnedType nothing = { NULL };
		guint at;
		const LearnedType *known = find(self, g_ptr_array_index(vgpus, i), &at);
		known = known != NULL ? known : &nothing;
		add_known(&stop_us, &known->stop_us);
		add_known(&load_us, &known->load_us);
		add_known(&start_us, &known->start_us);
		ret_learned->sent_per_mille[i] = range_of(&known->sent_per_mille);
		take_slower(&device, widened(&known->device_bytes_per_s));
	}
	predict_terms_init(&ret_learned->terms);
	ret_learned->is_load_known = FALSE;
	if (n == 0)
		return;
	predict_terms_init_vgpus(&ret_learned->terms);
	if (device.likely >= 0)
		ret_learned->terms.device_bytes_per_s = device;
	set_terms(ret_learned, stop_us, load_us, start_us);
}

/* ---- JSON ---- */

/* Adds nothing when there are no values. */
static void
add_values(JsonObject *object, const char *name, const LearnedValues *values)
{
	if (values->n == 0)
		return;
	JsonArray *array = json_array_new();
	for (guint i = 0; i < values->n; i++)
		json_array_add_int_element(array, values->values[i]);
	json_object_set_array_member(object, name, array);
}

char *
learning_to_json(const GPtrArray *self)
{
	JsonObject *root = json_object_new();
	JsonArray *types = json_array_new();
	for (guint i = 0; i < self->len; i++) {
		const LearnedType *known = g_ptr_array_index(self, i);
		JsonObject *object = json_object_new();
		fields_add_string(object, "type", known->type);
		fields_add_string(object, "driver_version", known->driver_version);
		fields_add_known(object, "seen", known->seen);
		for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
			add_values(object, kinds[k].name,
				   &G_STRUCT_MEMBER(LearnedValues, known, kinds[k].offset));
		json_array_add_object_element(types, object);
	}
	json_object_set_array_member(root, "types", types);
	return fields_take_text(fields_node(root), TRUE);
}

static void
read_values(Fields *fields, const char *name, gint64 most, LearnedValues *ret_values)
{
	JsonArray *array = fields_array(fields, name, FIELDS_OPTIONAL, LEARNING_KEPT);
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);
		gint64 value = JSON_NODE_HOLDS_VALUE(node) &&
					       json_node_get_value_type(node) == G_TYPE_INT64
				       ? json_node_get_int(node)
				       : -1;
		if (value < 0 || value > most)
			fields_fail(fields, name,
				    "has a value that is not a number or is out of range");
		else
			ret_values->values[ret_values->n++] = value;
	}
}

static gboolean
read_type(GPtrArray *self, JsonNode *node, const char *path, GError **error)
{
	Fields fields;
	fields_init(&fields, node, path);
	g_autofree char *type = fields_string(&fields, "type", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	g_autofree char *version =
		fields_string(&fields, "driver_version", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	LearnedType *known = learned_type_new(type, version);
	g_ptr_array_add(self, known);
	known->seen = fields_count(&fields, "seen", FIELDS_REQUIRED);
	if (known->seen < 1 || known->seen > MAX_VALUE)
		fields_fail(&fields, "seen", "is out of range");
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		read_values(&fields, kinds[i].name, kinds[i].most,
			    &G_STRUCT_MEMBER(LearnedValues, known, kinds[i].offset));
	return fields_end(&fields, error);
}

static GPtrArray *
from_node(JsonNode *node, GError **error)
{
	g_autoptr(GPtrArray) self = learning_new();
	Fields fields;
	fields_init(&fields, node, "learned");
	JsonArray *types = fields_array(&fields, "types", FIELDS_REQUIRED, LEARNING_TYPES_MAX);
	if (!fields_end(&fields, error))
		return NULL;
	for (guint i = 0; i < json_array_get_length(types); i++) {
		g_autofree char *path = g_strdup_printf("learned: types[%u]", i);
		if (!read_type(self, json_array_get_element(types, i), path, error))
			return NULL;
	}
	return g_steal_pointer(&self);
}

static const JsonLimits limits = {
	.bytes = 256 * 1024,
	.string_bytes = FIELDS_WORD_BYTES,
	.heap_bytes = 8 * 1024 * 1024,
	.depth = 8,
};

GPtrArray *
learning_from_json(const char *text, gsize len, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(JsonNode) node = parse_object(text, len, &limits, &cause);
	if (node != NULL)
		return from_node(node, error);
	g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "learned: %s", cause->message);
	return NULL;
}
