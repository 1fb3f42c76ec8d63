/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of migration parameters. Like capabilities they persist in a QEMU. So a parameter that
 * matters is set even to its default, because another program may have changed it. A parameter that
 * a QEMU does not have is not set there.
 *
 * Values are in QEMU's own units, as in query-migrate-parameters. A new parameter is a new row.
 */
#include "engine/plan/parameter.h"

#include "engine/forecast/converge.h"
#include "qmp/qmp-parameters.h"

/* What a row's function decides: a number or a string. */
typedef struct {
	gint64 value;
	const char *text; /* (nullable) */
} Value;

typedef struct {
	const char *name;
	const char *device; /* (nullable): it is a property of devices of this type */
	Sides hosts;
	/* Returns the reason, and fills @ret_value; NULL: the parameter is not changed. */
	const char *(*choose)(const Negotiation *self, Value *ret_value);
	/* What a peer may set: up to this number, or one of these strings. */
	gint64 max_accepted;
	const char *texts_accepted[3];
} Parameter;

static gboolean
is_on_at_source(const Negotiation *self, const char *name)
{
	const GwPlanCapability *capability = plan_find_capability(self->plan, name);
	return capability != NULL && capability->at_source;
}

static gboolean
is_multifd(const Negotiation *self)
{
	return is_on_at_source(self, "multifd");
}

static const char *
choose_downtime_limit(const Negotiation *self, Value *ret_value)
{
	gint64 limit_us = converge_first_limit_us(self->policy->downtime_limit_us,
						  self->surveys[SIDE_SOURCE]->running);
	ret_value->value = qmp_downtime_limit(limit_us);
	return "in ms; it follows what is needed, up to the longest pause that is allowed";
}

static const char *
choose_max_bandwidth(const Negotiation *self, Value *ret_value)
{
	ret_value->value = self->policy->bandwidth_bytes_per_s;
	return ret_value->value > 0 ? "the limit that the user set"
				    : "the user set no limit; QEMU's default is 128 MiB/s";
}

/* QEMU compares what remains with bandwidth times downtime-limit. Under a limit QEMU measures at
 * most this limit, and less in a slow pass. In the switchover itself there is no limit. */
static const char *
choose_switchover_bandwidth(const Negotiation *self, Value *ret_value)
{
	if (self->policy->switchover_bytes_per_s > 0) {
		ret_value->value = self->policy->switchover_bytes_per_s;
		return "the network's bandwidth in the switchover, by the user";
	}
	ret_value->value = self->policy->bandwidth_bytes_per_s;
	return ret_value->value > 0 ? "the network carries at least what the limit allows"
				    : "QEMU uses what it measures";
}

/* QEMU begins to throttle as soon as it is allowed to. It gets no further than this until we allow
 * more. */
static const char *
choose_throttle(const Negotiation *self, Value *ret_value)
{
	ret_value->value = 1;
	return is_on_at_source(self, "auto-converge") ? "no throttling until there is a stall"
						      : NULL;
}

static const char *
choose_throttle_trigger(const Negotiation *self, Value *ret_value)
{
	const char *reason = choose_throttle(self, ret_value);
	ret_value->value = 100;
	return reason;
}

static const char *
choose_multifd_channels(const Negotiation *self, Value *ret_value)
{
	ret_value->value = self->plan->channels;
	return is_multifd(self) ? "both sides need the same number" : NULL;
}

static const char *
choose_multifd_compression(const Negotiation *self, Value *ret_value)
{
	ret_value->text = "none";
	return is_multifd(self) ? "both sides need the same" : NULL;
}

/* (nullable): the value of the first device of @type. */
static const char *
device_property(const GwSurvey *survey, const char *type, const char *name)
{
	for (guint i = 0; survey->devices != NULL && i < survey->devices->len; i++) {
		const GwDevice *device = g_ptr_array_index(survey->devices, i);
		if (g_strcmp0(device->type, type) == 0)
			return gw_property_list_get(device->properties, name);
	}
	return NULL;
}

static gboolean
has_it(const GwSurvey *survey, const Parameter *row)
{
	if (row->device != NULL)
		return device_property(survey, row->device, row->name) != NULL;
	return gw_property_list_get(survey->parameters, row->name) != NULL;
}

/* QEMU 8.2 and older ignore the pages that a multifd packet names as zero. */
static const char *
choose_zero_page_detection(const Negotiation *self, Value *ret_value)
{
	ret_value->text = "legacy";
	if (!is_multifd(self) || gw_property_list_get(self->surveys[SIDE_DESTINATION]->parameters,
						      "zero-page-detection") != NULL)
		return NULL;
	return "the destination's QEMU knows no other";
}

static const char *
choose_tls_creds(const Negotiation *self, Value *ret_value)
{
	ret_value->text = "";
	return self->policy->encrypted ? "the channels are encrypted, but not by QEMU"
				       : "QEMU is not responsible for the channels";
}

static const char *
choose_mode(const Negotiation *self, Value *ret_value)
{
	ret_value->text = "normal";
	return "the guest moves to another host";
}

#define TRANSFER "x-migration-multifd-transfer"

/* Both sides must do the same: a side that expects a vGPU's state on the main channel accepts it
 * only there. With a machine type before 10.0 it is off. */
static const char *
choose_multifd_transfer(const Negotiation *self, Value *ret_value)
{
	const char *ours = device_property(self->surveys[SIDE_SOURCE], "vfio-pci", TRANSFER);
	const char *theirs = device_property(self->surveys[SIDE_DESTINATION], "vfio-pci", TRANSFER);
	ret_value->text = "off";
	if (!negotiation_has_vgpus(self) || !is_multifd(self))
		return NULL;
	if (ours == NULL || theirs == NULL)
		return "a side's QEMU sends a vGPU's state through the main channel only";
	if (g_strcmp0(ours, "off") == 0 || g_strcmp0(theirs, "off") == 0)
		return "it is off at a side, as with machine types before 10.0";
	ret_value->text = "on";
	return "after the guest's stop a vGPU's state is sent through all channels";
}

static const Parameter table[] = {
	{ "downtime-limit", NULL, SIDES_SOURCE, choose_downtime_limit, 0, { NULL } },
	{ "max-bandwidth", NULL, SIDES_SOURCE, choose_max_bandwidth, 0, { NULL } },
	{ "avail-switchover-bandwidth",
	  NULL,
	  SIDES_SOURCE,
	  choose_switchover_bandwidth,
	  0,
	  { NULL } },
	{ "cpu-throttle-initial", NULL, SIDES_SOURCE, choose_throttle, 0, { NULL } },
	{ "cpu-throttle-increment", NULL, SIDES_SOURCE, choose_throttle, 0, { NULL } },
	{ "max-cpu-throttle", NULL, SIDES_SOURCE, choose_throttle, 0, { NULL } },
	{ "throttle-trigger-threshold", NULL, SIDES_SOURCE, choose_throttle_trigger, 0, { NULL } },
	{ "multifd-channels", NULL, SIDES_BOTH, choose_multifd_channels, 255, { NULL } },
	{ "multifd-compression", NULL, SIDES_BOTH, choose_multifd_compression, 0, { "none" } },
	{ "zero-page-detection", NULL, SIDES_SOURCE, choose_zero_page_detection, 0, { "legacy" } },
	{ "tls-creds", NULL, SIDES_BOTH, choose_tls_creds, 0, { "" } },
	{ "mode", NULL, SIDES_BOTH, choose_mode, 0, { "normal" } },
	{ TRANSFER, "vfio-pci", SIDES_BOTH, choose_multifd_transfer, 0, { "on", "off" } },
};

static void
decide(Negotiation *self, const Parameter *row)
{
	gboolean there[N_SIDES];
	for (guint host = 0; host < N_SIDES; host++)
		there[host] = (row->hosts & (1u << host)) != 0 && has_it(self->surveys[host], row);
	Value value = { -1, NULL };
	const char *reason = row->choose(self, &value);
	if (reason == NULL || (!there[SIDE_SOURCE] && !there[SIDE_DESTINATION]))
		return;
	GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);
	parameter->name = g_strdup(row->name);
	parameter->device = g_strdup(row->device);
	parameter->text = g_strdup(value.text);
	parameter->value = value.value;
	parameter->at_source = there[SIDE_SOURCE];
	parameter->at_destination = there[SIDE_DESTINATION];
	parameter->reason = g_strdup(reason);
	g_ptr_array_add(self->plan->parameters, parameter);
}

void
parameter_decide_all(Negotiation *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		decide(self, &table[i]);
}

static gboolean
accepts(const Parameter *row, const GwPlanParameter *parameter)
{
	if (parameter->text == NULL)
		return row->texts_accepted[0] == NULL && parameter->value >= 0 &&
		       parameter->value <= row->max_accepted;
	for (guint i = 0; i < G_N_ELEMENTS(row->texts_accepted); i++)
		if (g_strcmp0(row->texts_accepted[i], parameter->text) == 0)
			return TRUE;
	return FALSE;
}

gboolean
parameter_is_acceptable(const GwPlanParameter *parameter)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
		const Parameter *row = &table[i];
		if (g_strcmp0(row->name, parameter->name) == 0 &&
		    g_strcmp0(row->device, parameter->device) == 0)
			return (row->hosts & SIDES_DESTINATION) != 0 && accepts(row, parameter);
	}
	return FALSE;
}
