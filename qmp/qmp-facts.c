/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All questions to a QEMU before a migration, as a table: a command, its arguments and a function
 * that reads the answer. All questions of the table are sent at once. Questions that need one of
 * these answers (the path of a vCPU) follow in a second round.
 *
 * query-qmp-schema is not among them: its answer has 200 kB and takes longer than all the others
 * together.
 */
#include "qmp/qmp-facts.h"

#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-batch.h"
#include "qmp/qmp-call.h"

typedef gboolean (*Take)(QmpFacts *facts, JsonNode *reply, GError **error);

typedef struct {
	const char *command;
	const char *names[2];  /* of its arguments */
	const char *values[2]; /* likewise */
	Take take;
	gboolean needed; /* required: any failure is an error, except that this QEMU lacks the
			 * command */
} Question;

void
qmp_facts_free(QmpFacts *self)
{
	if (self == NULL)
		return;
	GPtrArray **const lists[] = { &self->vcpus,	 &self->cpu,   &self->cpu_words,
				      &self->machine,	 &self->numa,  &self->memory_devices,
				      &self->ram_blocks, &self->qdevs, &self->peripherals,
				      &self->disks,	 &self->jobs,  &self->exports };
	char **const texts[] = { &self->run_state, &self->name,		&self->uuid,
				 &self->target,	   &self->machine_type, &self->accelerator,
				 &self->cpu_model, &self->cpu_path };
	for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
		g_clear_pointer(lists[i], g_ptr_array_unref);
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(*texts[i]);
	qmp_migrate_info_clear(&self->migrate);
	g_clear_pointer(&self->capabilities, g_hash_table_unref);
	qmp_parameters_free(self->parameters);
	g_free(self);
}

static QmpFacts *
facts_new(void)
{
	QmpFacts *self = g_new0(QmpFacts, 1);

	qmp_migrate_info_init(&self->migrate);
	self->vcpus = qmp_pairs_new();
	self->cpu = qmp_pairs_new();
	self->cpu_words = qmp_pairs_new();
	self->machine = qmp_pairs_new();
	self->numa = qmp_pairs_new();
	self->memory_devices = qmp_pairs_new();
	self->ram_blocks = qmp_ram_blocks_new();
	self->qdevs = g_ptr_array_new_with_free_func((GDestroyNotify)qmp_qdev_free);
	self->peripherals = qmp_pairs_new();
	self->disks = qmp_disks_new();
	self->jobs = qmp_pairs_new();
	self->exports = qmp_pairs_new();
	return self;
}

/* ---- required answers ---- */

static gboolean
take_status(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonObject *object = NULL;
	const char *word = NULL;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_string(object, "status", &word, error) ||
	    !json_get_bool(object, "running", &facts->running, error))
		return FALSE;
	facts->run_state = g_strdup(word);
	return TRUE;
}

static gboolean
take_string(JsonNode *reply, const char *member, char **ret_text, GError **error)
{
	JsonObject *object = NULL;
	const char *text = NULL;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_string(object, member, &text, error))
		return FALSE;
	*ret_text = g_strdup(text);
	return TRUE;
}

/* A guest may have none. */
static gboolean
take_name(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonObject *object = NULL;
	const char *name = NULL;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_string_opt(object, "name", &name, error))
		return FALSE;
	facts->name = g_strdup(name);
	return TRUE;
}

static gboolean
take_uuid(QmpFacts *facts, JsonNode *reply, GError **error)
{
	return take_string(reply, "UUID", &facts->uuid, error);
}

static gboolean
take_target(QmpFacts *facts, JsonNode *reply, GError **error)
{
	return take_string(reply, "arch", &facts->target, error);
}

static gboolean
take_machine_type(QmpFacts *facts, JsonNode *reply, GError **error)
{
	if (!JSON_NODE_HOLDS_VALUE(reply) || json_node_get_value_type(reply) != G_TYPE_STRING) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
			    "the machine's type is not a string");
		return FALSE;
	}
	facts->machine_type = json_node_dup_string(reply);
	if (g_str_has_suffix(facts->machine_type, "-machine"))
		facts->machine_type[strlen(facts->machine_type) - strlen("-machine")] = '\0';
	return TRUE;
}

static gboolean
take_memory(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonObject *object = NULL;
	guint64 base = 0;
	guint64 plugged = 0;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_size(object, "base-memory", &base, error) ||
	    !json_get_size_opt(object, "plugged-memory", &plugged, error))
		return FALSE;
	facts->memory_bytes = base + plugged; /* both are below 2^63 */
	return TRUE;
}

static gboolean
take_migrate(QmpFacts *facts, JsonNode *reply, GError **error)
{
	return qmp_migrate_info_parse(reply, &facts->migrate, error);
}

static gboolean
take_capabilities(QmpFacts *facts, JsonNode *reply, GError **error)
{
	facts->capabilities = qmp_migrate_capabilities_parse(reply, error);
	return facts->capabilities != NULL;
}

static gboolean
take_parameters(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonObject *object = NULL;

	if (!json_get_root_object(reply, "the answer", &object, error))
		return FALSE;
	facts->parameters = qmp_parameters_from_node(reply);
	return TRUE;
}

/* (transfer full): "socket-id=0 core-id=0": all members except those in @skip, which may be
 * NULL. */
static char *
describe_members(JsonObject *object, const char *const *skip)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GList) names =
		g_list_sort(json_object_get_members(object), (GCompareFunc)g_strcmp0);

	for (GList *n = names; n != NULL; n = n->next) {
		g_autofree char *value = qmp_value_to_text(json_object_get_member(object, n->data));
		gboolean skipped = skip != NULL && g_strv_contains(skip, n->data);
		if (value != NULL && !skipped)
			g_string_append_printf(text, "%s%s=%s", text->len > 0 ? " " : "",
					       (char *)n->data, value);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
take_vcpus(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, error))
		return FALSE;
	facts->n_vcpus = json_array_get_length(array);
	for (guint i = 0; i < facts->n_vcpus; i++) {
		JsonObject *entry = json_get_element_object(array, i);
		JsonObject *props = NULL;
		const char *path = NULL;
		gint64 index = i;
		if (entry == NULL || !json_get_object(entry, "props", &props, NULL) ||
		    !json_get_int_opt(entry, "cpu-index", &index, NULL))
			continue;
		g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT, index);
		qmp_pairs_take(facts->vcpus, name, describe_members(props, NULL));
		if (facts->cpu_path == NULL && json_get_string(entry, "qom-path", &path, NULL))
			facts->cpu_path = g_strdup(path);
	}
	return TRUE;
}

/* ---- answers for comparison ---- */

static gboolean
take_vfio_migration(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonArray *array = NULL;
	const char *name = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return TRUE;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		if (entry != NULL && json_get_string(entry, "name", &name, NULL) &&
		    strcmp(name, "enable-migration") == 0)
			facts->has_vfio_migration = TRUE;
	}
	return TRUE;
}

static gboolean
take_kvm(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonObject *object = NULL;
	gboolean enabled = FALSE;

	if (json_get_root_object(reply, "the answer", &object, NULL) &&
	    json_get_bool(object, "enabled", &enabled, NULL))
		facts->accelerator = g_strdup(enabled ? "kvm" : "tcg");
	return TRUE;
}

/* (transfer full): "Skylake-Client" of "Skylake-Client-x86_64-cpu" */
static char *
name_model(const char *type)
{
	gsize len = strlen(type);

	if (!g_str_has_suffix(type, "-cpu"))
		return g_strdup(type);
	g_autofree char *name = g_strndup(type, len - strlen("-cpu"));
	char *arch = strrchr(name, '-');
	if (arch != NULL)
		*arch = '\0';
	return g_steal_pointer(&name);
}

static gboolean
take_cpu_model(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonArray *array = NULL;

	if (json_get_root_array(reply, "the answer", &array, NULL) &&
	    json_array_get_length(array) > 0) {
		JsonObject *entry = json_get_element_object(array, 0);
		const char *type = NULL;
		if (entry != NULL && json_get_string(entry, "type", &type, NULL))
			facts->cpu_model = name_model(type);
	}
	return TRUE;
}

static gboolean
take_memory_devices(QmpFacts *facts, JsonNode *reply, GError **error)
{
	/* Where the memory is kept is the host's own matter and is not compared. */
	static const char *const local[] = { "id", "memdev", "memaddr", NULL };
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return TRUE;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		JsonObject *data = NULL;
		const char *id = "";
		const char *type = "";
		if (entry == NULL || !json_get_object(entry, "data", &data, NULL) ||
		    !json_get_string_opt(data, "id", &id, NULL) ||
		    !json_get_string_opt(entry, "type", &type, NULL))
			continue;
		g_autofree char *members = describe_members(data, local);
		qmp_pairs_take(facts->memory_devices, id,
			       g_strdup_printf("type=%s %s", type, members));
	}
	return TRUE;
}

/* (nullable): QEMU's human-readable answer. */
static const char *
text_for_people(JsonNode *reply)
{
	JsonObject *object = NULL;
	const char *text = NULL;

	if (!json_get_root_object(reply, "the answer", &object, NULL) ||
	    !json_get_string(object, "human-readable-text", &text, NULL))
		return NULL;
	return text;
}

static gboolean
take_ram_blocks(QmpFacts *facts, JsonNode *reply, GError **error)
{
	const char *text = text_for_people(reply);

	if (text != NULL)
		qmp_facts_add_ram_blocks(text, facts->ram_blocks);
	return TRUE;
}

static gboolean
take_numa(QmpFacts *facts, JsonNode *reply, GError **error)
{
	const char *text = text_for_people(reply);

	if (text != NULL)
		qmp_facts_add_numa(text, facts->numa);
	return TRUE;
}

static gboolean
take_qtree(QmpFacts *facts, JsonNode *reply, GError **error)
{
	if (!JSON_NODE_HOLDS_VALUE(reply) || json_node_get_value_type(reply) != G_TYPE_STRING)
		return TRUE;
	g_ptr_array_unref(facts->qdevs);
	facts->qdevs = qmp_qtree_parse(json_node_get_string(reply));
	return TRUE;
}

static gboolean
take_peripherals(QmpFacts *facts, JsonNode *reply, GError **error)
{
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return TRUE;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		const char *name = NULL;
		const char *type = NULL;
		if (entry != NULL && json_get_string(entry, "name", &name, NULL) &&
		    json_get_string(entry, "type", &type, NULL) && g_str_has_prefix(type, "child<"))
			qmp_pairs_take(facts->peripherals, name,
				       g_strndup(type + strlen("child<"),
						 strcspn(type + strlen("child<"), ">")));
	}
	return TRUE;
}

static gboolean
take_disks(QmpFacts *facts, JsonNode *reply, GError **error)
{
	qmp_facts_add_disks(reply, facts->disks);
	return TRUE;
}

static gboolean
take_written(QmpFacts *facts, JsonNode *reply, GError **error)
{
	qmp_facts_add_written(reply, facts->disks);
	return TRUE;
}

static gboolean
take_exports(QmpFacts *facts, JsonNode *reply, GError **error)
{
	qmp_facts_add_exports(reply, facts->exports);
	return TRUE;
}

static gboolean
take_jobs(QmpFacts *facts, JsonNode *reply, GError **error)
{
	qmp_facts_add_jobs(reply, facts->jobs);
	return TRUE;
}

#define NO_ARGUMENTS       \
	{ NULL, NULL },    \
	{                  \
		NULL, NULL \
	}
#define ONE_ARGUMENT(name, value) \
	{ name, NULL },           \
	{                         \
		value, NULL       \
	}
#define QOM_GET(path, property) \
	{ "path", "property" }, \
	{                       \
		path, property  \
	}

/* clang-format off */
static const Question questions[] = {
	{ "query-status", NO_ARGUMENTS, take_status, TRUE },
	{ "query-name", NO_ARGUMENTS, take_name, TRUE },
	{ "query-uuid", NO_ARGUMENTS, take_uuid, TRUE },
	{ "query-target", NO_ARGUMENTS, take_target, TRUE },
	{ "qom-get", QOM_GET("/machine", "type"), take_machine_type, TRUE },
	{ "query-memory-size-summary", NO_ARGUMENTS, take_memory, TRUE },
	{ "query-cpus-fast", NO_ARGUMENTS, take_vcpus, TRUE },
	{ "query-migrate", NO_ARGUMENTS, take_migrate, TRUE },
	{ "query-migrate-capabilities", NO_ARGUMENTS, take_capabilities, TRUE },
	{ "query-migrate-parameters", NO_ARGUMENTS, take_parameters, TRUE },
	{ "device-list-properties", ONE_ARGUMENT("typename", "vfio-pci"), take_vfio_migration, FALSE },
	{ "query-kvm", NO_ARGUMENTS, take_kvm, FALSE },
	{ "query-hotpluggable-cpus", NO_ARGUMENTS, take_cpu_model, FALSE },
	{ "query-memory-devices", NO_ARGUMENTS, take_memory_devices, FALSE },
	{ "x-query-ramblock", NO_ARGUMENTS, take_ram_blocks, FALSE },
	{ "x-query-numa", NO_ARGUMENTS, take_numa, FALSE },
	{ "human-monitor-command", ONE_ARGUMENT("command-line", "info qtree"), take_qtree, FALSE },
	{ "qom-list", ONE_ARGUMENT("path", "/machine/peripheral"), take_peripherals, FALSE },
	{ "query-block", NO_ARGUMENTS, take_disks, FALSE },
	{ "query-blockstats", NO_ARGUMENTS, take_written, FALSE },
	{ "query-jobs", NO_ARGUMENTS, take_jobs, FALSE },
	{ "query-block-exports", NO_ARGUMENTS, take_exports, FALSE },
};
/* clang-format on */

/* Properties of the board that its devices do not show. */
static const char *const machine_properties[] = { "smp", "smm", "nvdimm", "iommu" };

/* Properties of a vCPU that its model and the bits of CPUID do not show, and the clock. */
static const char *const cpu_properties[] = { "model-id", "phys-bits", "tsc-frequency" };

/* Likewise with KVM: the Hyper-V features that a guest may see, and whether the guest is told about
 * KVM. */
static const char *const kvm_cpu_properties[] = {
	"kvm",	       "pmu",	    "hv-time",	    "hv-relaxed",	  "hv-vapic",
	"hv-synic",    "hv-stimer", "hv-vpindex",   "hv-runtime",	  "hv-ipi",
	"hv-tlbflush", "hv-evmcs",  "hv-spinlocks", "hv-reenlightenment",
};

static JsonNode *
make_arguments(const Question *question)
{
	if (question->names[0] == NULL)
		return NULL;
	return qmp_call_strings(question->names[0], question->values[0], question->names[1],
				question->values[1], NULL);
}

static gboolean
is_tolerable(const Question *question, const GError *error)
{
	if (g_error_matches(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND))
		return TRUE;
	return !question->needed && qmp_error_is_refusal(error);
}

static gboolean
take_answer(QmpFacts *facts, QmpBatch *batch, guint index, GError **error)
{
	const Question *question = &questions[index];
	g_autoptr(GError) cause = NULL;
	JsonNode *reply = qmp_batch_get(batch, index, &cause);

	if (reply == NULL) {
		if (is_tolerable(question, cause))
			return TRUE;
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	GError *bad = NULL;
	if (question->take(facts, reply, &bad))
		return TRUE;
	if (bad->domain != QMP_ERROR)
		return qmp_call_bad_answer(question->command, bad, error);
	g_propagate_error(error, bad);
	return FALSE;
}

static gboolean
ask_first(QmpFacts *facts, QmpClient *client, GError **error)
{
	g_autoptr(QmpBatch) batch = qmp_batch_new(client);

	for (guint i = 0; i < G_N_ELEMENTS(questions); i++)
		qmp_batch_add(batch, questions[i].command, make_arguments(&questions[i]));
	qmp_batch_wait(batch);
	for (guint i = 0; i < G_N_ELEMENTS(questions); i++)
		if (!take_answer(facts, batch, i, error))
			return FALSE;
	return TRUE;
}

/* Each member of an object becomes a property of its own: "smp.cores". */
static void
take_property(JsonNode *reply, const char *property, GPtrArray *pairs)
{
	if (reply == NULL || !JSON_NODE_HOLDS_OBJECT(reply)) {
		qmp_pairs_take(pairs, property, qmp_value_to_text(reply));
		return;
	}
	JsonObject *object = json_node_get_object(reply);
	g_autoptr(GList) names =
		g_list_sort(json_object_get_members(object), (GCompareFunc)g_strcmp0);
	for (GList *n = names; n != NULL; n = n->next) {
		g_autofree char *name = g_strconcat(property, ".", n->data, NULL);
		qmp_pairs_take(pairs, name,
			       qmp_value_to_text(json_object_get_member(object, n->data)));
	}
}

/* A list of properties of one object, and where their values go. */
typedef struct {
	const char *path; /* NULL: do not ask */
	const char *const *names;
	guint n_names;
	GPtrArray *pairs;
} Properties;

/* QEMUs and boards differ in these properties, so an absent one is no error. */
static void
ask_second(QmpFacts *facts, QmpClient *client)
{
	gboolean has_kvm = g_strcmp0(facts->accelerator, "kvm") == 0;
	const Properties lists[] = {
		{ "/machine", machine_properties, G_N_ELEMENTS(machine_properties),
		  facts->machine },
		{ facts->cpu_path, cpu_properties, G_N_ELEMENTS(cpu_properties), facts->cpu },
		{ has_kvm ? facts->cpu_path : NULL, kvm_cpu_properties,
		  G_N_ELEMENTS(kvm_cpu_properties), facts->cpu },
	};
	g_autoptr(QmpBatch) batch = qmp_batch_new(client);
	guint next = 0;

	for (guint list = 0; list < G_N_ELEMENTS(lists); list++)
		for (guint i = 0; lists[list].path != NULL && i < lists[list].n_names; i++)
			qmp_batch_add(batch, "qom-get",
				      qmp_call_strings("path", lists[list].path, "property",
						       lists[list].names[i], NULL));
	if (facts->cpu_path != NULL)
		qmp_batch_add(batch, "qom-get",
			      qmp_call_strings("path", facts->cpu_path, "property", "feature-words",
					       NULL));
	qmp_batch_wait(batch);
	for (guint list = 0; list < G_N_ELEMENTS(lists); list++)
		for (guint i = 0; lists[list].path != NULL && i < lists[list].n_names; i++)
			take_property(qmp_batch_get(batch, next++, NULL), lists[list].names[i],
				      lists[list].pairs);
	if (facts->cpu_path != NULL)
		qmp_facts_add_cpu_words(qmp_batch_get(batch, next, NULL), facts->cpu_words);
}

QmpFacts *
qmp_facts_query(QmpClient *client, GError **error)
{
	g_autoptr(QmpFacts) facts = facts_new();

	if (!ask_first(facts, client, error))
		return NULL;
	ask_second(facts, client);
	return g_steal_pointer(&facts);
}
