/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The survey of one QEMU: a dozen queries, none of which changes anything. A query that this QEMU has not
 * got leaves its field empty; one that fails for want of a monitor fails the survey.
 */
#include "engine/survey-qemu.h"

#include "engine/gw-error.h"
#include "engine/private-context.h"
#include "engine/property.h"
#include "engine/vgpu-host.h"
#include "qmp/qmp-devices.h"
#include "qmp/qmp-parameters.h"

typedef gboolean (*Question)(Qemu *qemu, GwSurvey *survey, GError **error);

static gboolean
ask_status(Qemu *qemu, GwSurvey *survey, GError **error)
{
	QmpStatus status;
	if (!qmp_query_status(qemu->qmp, &status, error))
		return FALSE;
	survey->run_state = g_strdup(qmp_run_state_to_string(status.run_state));
	survey->running = status.running;
	return TRUE;
}

static gboolean
ask_name(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(GError) local_error = NULL;
	survey->name = qmp_query_name(qemu->qmp, &local_error); /* NULL alone: it has no name */
	if (local_error == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&local_error));
	return FALSE;
}

static gboolean
ask_uuid(Qemu *qemu, GwSurvey *survey, GError **error)
{
	survey->uuid = qmp_query_uuid(qemu->qmp, error);
	return survey->uuid != NULL;
}

static gboolean
ask_target(Qemu *qemu, GwSurvey *survey, GError **error)
{
	survey->target = qmp_query_target(qemu->qmp, error);
	return survey->target != NULL;
}

static gboolean
ask_machine(Qemu *qemu, GwSurvey *survey, GError **error)
{
	survey->machine_type = qmp_query_machine_type(qemu->qmp, error);
	return survey->machine_type != NULL;
}

static gboolean
ask_memory(Qemu *qemu, GwSurvey *survey, GError **error)
{
	return qmp_query_memory_bytes(qemu->qmp, &survey->ram_bytes, error);
}

static gboolean
ask_vcpus(Qemu *qemu, GwSurvey *survey, GError **error)
{
	return qmp_query_vcpus(qemu->qmp, &survey->vcpus, error);
}

static gboolean
ask_migration(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	if (!qmp_query_migrate(qemu->qmp, &info, error))
		return FALSE;
	survey->migrate_status = g_strdup(qmp_migrate_status_to_string(info.status));
	survey->blocked_reasons = g_steal_pointer(&info.blocked_reasons);
	return TRUE;
}

static int
compare_words(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* The names in @capabilities, or only those that are on. */
static GStrv
list_capabilities(GHashTable *capabilities, gboolean only_on)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name, on;
	g_hash_table_iter_init(&iter, capabilities);
	while (g_hash_table_iter_next(&iter, &name, &on))
		if (!only_on || GPOINTER_TO_INT(on))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_words);
	g_ptr_array_add(names, NULL);
	return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static gboolean
ask_capabilities(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(GHashTable) capabilities = qmp_query_migrate_capabilities(qemu->qmp, error);
	if (capabilities == NULL)
		return FALSE;
	survey->capabilities = list_capabilities(capabilities, FALSE);
	survey->capabilities_on = list_capabilities(capabilities, TRUE);
	return TRUE;
}

static gboolean
ask_parameters(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(QmpParameters) parameters = qmp_parameters_query(qemu->qmp, error);
	if (parameters == NULL)
		return FALSE;
	g_auto(GStrv) names = qmp_parameters_list(parameters);
	survey->parameters = property_list_new();
	for (guint i = 0; names[i] != NULL; i++) {
		g_autofree char *value = qmp_parameters_get_text(parameters, names[i]);
		property_list_add(survey->parameters, names[i], value);
	}
	return TRUE;
}

static gboolean
ask_schema(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(QmpSchema) schema = qmp_schema_query(qemu->qmp, error);
	if (schema == NULL)
		return FALSE;
	survey->has_exit_on_error =
		qmp_schema_has_argument(schema, "migrate-incoming", "exit-on-error");
	return TRUE;
}

static const char *const viommu_types[] = { "intel-iommu",	   "amd-iommu",	 "virtio-iommu-pci",
					    "virtio-iommu-device", "arm-smmuv3", NULL };

static gboolean
ask_devices(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(GPtrArray) devices = qmp_list_devices(qemu->qmp, error);
	if (devices == NULL)
		return FALSE;
	g_autoptr(GStrvBuilder) viommus = g_strv_builder_new();
	for (guint i = 0; i < devices->len; i++) {
		const QmpDevice *device = g_ptr_array_index(devices, i);
		if (g_strv_contains(viommu_types, device->type))
			g_strv_builder_add(viommus, device->type);
	}
	survey->viommus = g_strv_builder_end(viommus);
	return qmp_device_has_property(qemu->qmp, "vfio-pci", "enable-migration",
				       &survey->has_vfio_migration, error);
}

static gboolean
ask_vgpus(Qemu *qemu, GwSurvey *survey, GError **error)
{
	g_autoptr(VfioHost) host = vgpu_host_open(error);
	if (host == NULL)
		return FALSE;
	survey->vgpus = vgpu_list_of_qemu(host, qemu, error);
	return survey->vgpus != NULL;
}

static const Question questions[] = {
	ask_status, ask_name,	 ask_uuid,	ask_target,	  ask_machine,
	ask_memory, ask_vcpus,	 ask_migration, ask_capabilities, ask_parameters,
	ask_schema, ask_devices, ask_vgpus,
};

GwSurvey *
survey_take(Qemu *qemu, GError **error)
{
	g_autoptr(GwSurvey) survey = g_new0(GwSurvey, 1);
	survey->qemu_version = qmp_version_string(qemu->qmp);
	survey->has_oob = qmp_client_has_oob(qemu->qmp);
	for (guint i = 0; i < G_N_ELEMENTS(questions); i++) {
		g_autoptr(GError) local_error = NULL;
		if (questions[i](qemu, survey, &local_error) ||
		    g_error_matches(local_error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND))
			continue;
		g_set_error(error, GW_ERROR, GW_ERROR_MONITOR_LOST, "%s: survey: %s", qemu->host,
			    local_error->message);
		return NULL;
	}
	return g_steal_pointer(&survey);
}

GwSurvey *
gw_survey_qemu(const char *qmp_path, GError **error)
{
	g_auto(PrivateContext) context = private_context_push();
	g_autoptr(Qemu) qemu = qemu_attach(qmp_path, "this host", NULL, error);
	return qemu != NULL ? survey_take(qemu, error) : NULL;
}
