/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of migration parameters. Like capabilities they persist in a QEMU, so one that matters is set
 * even to its default: somebody may have set it before. One that a QEMU has not got is left out there.
 *
 * Values are in QEMU's own units, as in query-migrate-parameters. A new one is a row.
 */
#include "engine/parameter.h"

#include "qmp/qmp-parameters.h"

typedef struct {
	const char *name;
	Hosts hosts;
	/* The reason, with *ret_value set unless @text is; NULL: it is left as it is. */
	const char *(*choose)(const Negotiation *self, gint64 *ret_value);
	const char *text;    /* (nullable): the one value it is ever set to */
	gint64 max_accepted; /* from a peer; of numbers that go to the destination */
} Parameter;

static gboolean
is_multifd(const Negotiation *self)
{
	const GwPlanCapability *multifd = plan_find_capability(self->plan, "multifd");
	return multifd != NULL && multifd->at_source;
}

static const char *
choose_downtime_limit(const Negotiation *self, gint64 *ret_value)
{
	*ret_value = qmp_downtime_limit(self->policy->downtime_limit_us);
	return "the longest pause that QEMU may plan for, in ms";
}

static const char *
choose_max_bandwidth(const Negotiation *self, gint64 *ret_value)
{
	*ret_value = self->policy->bandwidth_bytes_per_s;
	return *ret_value > 0 ? "the limit that was asked for"
			      : "no limit was asked for; QEMU's own is 128 MiB/s";
}

/* QEMU compares what remains with bandwidth times downtime-limit. The bandwidth it measures under a limit is the
 * limit at most, and less in a slow pass; in the switchover itself there is none. */
static const char *
choose_switchover_bandwidth(const Negotiation *self, gint64 *ret_value)
{
	if (self->policy->switchover_bytes_per_s > 0) {
		*ret_value = self->policy->switchover_bytes_per_s;
		return "what the network is said to give in the switchover";
	}
	*ret_value = self->policy->bandwidth_bytes_per_s;
	return *ret_value > 0 ? "the network gives what the limit allows, at least"
			      : "QEMU goes by what it measures";
}

static const char *
choose_multifd_channels(const Negotiation *self, gint64 *ret_value)
{
	*ret_value = self->plan->channels;
	return is_multifd(self) ? "both sides need the same number" : NULL;
}

static const char *
choose_multifd_compression(const Negotiation *self, gint64 *ret_value)
{
	return is_multifd(self) ? "both sides need the same" : NULL;
}

static gboolean
has_parameter(const GwSurvey *survey, const char *name)
{
	return gw_property_list_get(survey->parameters, name) != NULL;
}

/* QEMU 8.2 and before do not look for pages that a multifd packet names as zero. */
static const char *
choose_zero_page_detection(const Negotiation *self, gint64 *ret_value)
{
	if (!is_multifd(self) ||
	    has_parameter(self->surveys[PLAN_DESTINATION], "zero-page-detection"))
		return NULL;
	return "the destination's QEMU knows no other";
}

static const char *
choose_tls_creds(const Negotiation *self, gint64 *ret_value)
{
	return self->policy->encrypted ? "the channels are encrypted, but not by QEMU"
				       : "the channels are no concern of QEMU's";
}

static const char *
choose_mode(const Negotiation *self, gint64 *ret_value)
{
	return "the guest changes hosts";
}

static const Parameter table[] = {
	{ "downtime-limit", HOSTS_SOURCE, choose_downtime_limit, NULL, 0 },
	{ "max-bandwidth", HOSTS_SOURCE, choose_max_bandwidth, NULL, 0 },
	{ "avail-switchover-bandwidth", HOSTS_SOURCE, choose_switchover_bandwidth, NULL, 0 },
	{ "multifd-channels", HOSTS_BOTH, choose_multifd_channels, NULL, 255 },
	{ "multifd-compression", HOSTS_BOTH, choose_multifd_compression, "none", 0 },
	{ "zero-page-detection", HOSTS_SOURCE, choose_zero_page_detection, "legacy", 0 },
	{ "tls-creds", HOSTS_BOTH, choose_tls_creds, "", 0 },
	{ "mode", HOSTS_BOTH, choose_mode, "normal", 0 },
};

static void
decide(Negotiation *self, const Parameter *row)
{
	gboolean there[PLAN_N_HOSTS];
	for (guint host = 0; host < PLAN_N_HOSTS; host++)
		there[host] = (row->hosts & (1u << host)) != 0 &&
			      has_parameter(self->surveys[host], row->name);
	gint64 value = -1;
	const char *reason = row->choose(self, &value);
	if (reason == NULL || (!there[PLAN_SOURCE] && !there[PLAN_DESTINATION]))
		return;
	GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);
	parameter->name = g_strdup(row->name);
	parameter->text = g_strdup(row->text);
	parameter->value = row->text != NULL ? -1 : value;
	parameter->at_source = there[PLAN_SOURCE];
	parameter->at_destination = there[PLAN_DESTINATION];
	parameter->reason = g_strdup(reason);
	g_ptr_array_add(self->plan->parameters, parameter);
}

void
parameter_decide_all(Negotiation *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		decide(self, &table[i]);
}

gboolean
parameter_is_acceptable(const GwPlanParameter *parameter)
{
	for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
		const Parameter *row = &table[i];
		if (g_strcmp0(row->name, parameter->name) != 0)
			continue;
		return (row->hosts & HOSTS_DESTINATION) != 0 &&
		       g_strcmp0(row->text, parameter->text) == 0 &&
		       (row->text != NULL ||
			(parameter->value >= 0 && parameter->value <= row->max_accepted));
	}
	return FALSE;
}
