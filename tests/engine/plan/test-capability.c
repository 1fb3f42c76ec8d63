/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities and parameters: what two QEMUs have and a user wants, and what is decided of it.
 */
#include <CUnit/CUnit.h>

#include "engine/plan/capability.h"
#include "engine/plan/parameter.h"
#include "engine/data/property-list.h"
#include "engine/data/survey-lists.h"
#include "tests/rig/test-util.h"

#define OLD "events return-path pause-before-switchover late-block-activate"
#define ALL                                                                              \
	OLD " validate-uuid switchover-ack multifd zero-copy-send xbzrle auto-converge " \
	    "dirty-limit"                                                                \
	    " dirty-bitmaps postcopy-ram release-ram of-a-newer-qemu"

static GwSurvey *
make_survey(const char *capabilities, const char *parameters)
{
	GwSurvey *self = g_new0(GwSurvey, 1);
	g_auto(GStrv) names = g_strsplit(parameters, " ", -1);

	self->capabilities = g_strsplit(capabilities, " ", -1);
	self->uuid = g_strdup("u");
	self->run_state = g_strdup("running");
	self->running = TRUE;
	self->parameters = property_list_new();
	for (guint i = 0; names[i] != NULL; i++)
		property_list_add(self->parameters, names[i], "0");
	return self;
}

static GwPlan *
plan_for(const char *source, const char *destination, const NegotiatePolicy *policy)
{
	g_autoptr(GwSurvey) ours = make_survey(source, "");
	g_autoptr(GwSurvey) theirs = make_survey(destination, "");

	g_free(theirs->run_state);
	theirs->run_state = g_strdup("inmigrate");
	return negotiate(ours, theirs, policy);
}

/* (transfer full): "code:subject" of each issue but those about the transport. */
static char *
issues_of(const GwPlan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(plan->issues, i);
		if (g_str_equal(issue->code, "transport") ||
		    g_str_equal(issue->code, "devices-unknown"))
			continue;
		g_string_append_printf(text, "%s%s:%s:%s", text->len > 0 ? " " : "", issue->host,
				       issue->code, issue->subject);
	}
	return g_string_free(text, FALSE);
}

static const struct {
	const char *source;
	const char *destination;
	const char *asked; /* (nullable): one capability */
	guint channels;
	GwOnStall on_stall;
	const char *at_source; /* beside the four that are always on */
	const char *at_destination;
	const char *issues;
} choices[] = {
	{ OLD, OLD, NULL, 0, GW_ON_STALL_WAIT, "", "", "" },
	{ ALL, ALL, NULL, 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid", "" },
	{ ALL, OLD, NULL, 0, GW_ON_STALL_WAIT, "", "", "" },
	{ OLD, ALL, NULL, 0, GW_ON_STALL_WAIT, "", "", "" },
	{ ALL, ALL, NULL, 4, GW_ON_STALL_WAIT, "validate-uuid multifd", "validate-uuid multifd",
	  "" },
	{ ALL, OLD, NULL, 4, GW_ON_STALL_WAIT, "", "", "destination:capability:multifd" },
	{ OLD, ALL, NULL, 4, GW_ON_STALL_WAIT, "", "", "source:capability:multifd" },
	{ ALL, ALL, "multifd", 1, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid",
	  "both:capability-conflict:multifd" },
	{ ALL, ALL, "xbzrle", 0, GW_ON_STALL_WAIT, "validate-uuid xbzrle", "validate-uuid xbzrle",
	  "" },
	{ ALL, ALL, "xbzrle", 2, GW_ON_STALL_WAIT, "validate-uuid multifd", "validate-uuid multifd",
	  "both:capability-conflict:xbzrle" },
	{ OLD, OLD, "xbzrle", 0, GW_ON_STALL_WAIT, "", "",
	  "source:capability:xbzrle destination:capability:xbzrle" },
	{ ALL, ALL, "zero-copy-send", 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid",
	  "both:capability-conflict:zero-copy-send" },
	{ ALL, ALL, "auto-converge", 0, GW_ON_STALL_WAIT, "validate-uuid auto-converge",
	  "validate-uuid", "" },
	{ ALL, ALL, NULL, 0, GW_ON_STALL_THROTTLE, "validate-uuid auto-converge", "validate-uuid",
	  "" },
	{ OLD, ALL, NULL, 0, GW_ON_STALL_THROTTLE, "", "", "source:capability:auto-converge" },
	{ ALL, ALL, NULL, 0, GW_ON_STALL_EXTEND, "validate-uuid", "validate-uuid", "" },
	{ ALL, ALL, "dirty-limit", 0, GW_ON_STALL_THROTTLE, "validate-uuid dirty-limit",
	  "validate-uuid", "" },
	{ ALL, ALL, "postcopy-ram", 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid",
	  "both:capability-conflict:postcopy-ram" },
	{ ALL, ALL, "release-ram", 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid",
	  "both:capability-conflict:release-ram" },
	{ ALL, ALL, "of-a-newer-qemu", 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid",
	  "both:capability-unknown:of-a-newer-qemu" },
	{ ALL, ALL, "events", 0, GW_ON_STALL_WAIT, "validate-uuid", "validate-uuid", "" },
};

static char *
on_at(const GwPlan *plan, Side host)
{
	g_auto(GStrv) names = plan_list_capabilities(plan, host);
	g_autoptr(GStrvBuilder) others = g_strv_builder_new();
	g_auto(GStrv) always = g_strsplit(OLD, " ", -1);

	for (guint i = 0; names[i] != NULL; i++)
		if (!g_strv_contains((const char *const *)always, names[i]))
			g_strv_builder_add(others, names[i]);
	g_auto(GStrv) list = g_strv_builder_end(others);
	return g_strjoinv(" ", list);
}

static void
each_choice_is_made_with_a_reason(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(choices); i++) {
		const char *const asked[] = { choices[i].asked, NULL };
		const NegotiatePolicy policy = { .capabilities = asked,
						 .channels = choices[i].channels,
						 .on_stall = choices[i].on_stall };
		g_autoptr(GwPlan) plan =
			plan_for(choices[i].source, choices[i].destination, &policy);
		g_autofree char *at_source = on_at(plan, SIDE_SOURCE);
		g_autofree char *at_destination = on_at(plan, SIDE_DESTINATION);
		g_autofree char *issues = issues_of(plan);
		TEST_STRING(at_source, choices[i].at_source);
		TEST_STRING(at_destination, choices[i].at_destination);
		TEST_STRING(issues, choices[i].issues);
		for (guint c = 0; c < plan->capabilities->len; c++) {
			const GwPlanCapability *made = g_ptr_array_index(plan->capabilities, c);
			CU_ASSERT_TRUE(made->reason != NULL && *made->reason != '\0');
		}
	}
}

/* One that no row names stays off, and is told of once. */
static void
unknown_capabilities_are_off_and_told_of(void)
{
	const NegotiatePolicy policy = { 0 };
	g_autoptr(GwPlan) plan = plan_for(ALL, ALL, &policy);

	const GwPlanCapability *unknown = plan_find_capability(plan, "of-a-newer-qemu");
	CU_ASSERT_PTR_NOT_NULL_FATAL(unknown);
	CU_ASSERT_FALSE(unknown->at_source || unknown->at_destination);
	TEST_STRING(unknown->reason, "it is unknown here");
	CU_ASSERT_PTR_EQUAL(unknown,
			    g_ptr_array_index(plan->capabilities, plan->capabilities->len - 1));
	CU_ASSERT_PTR_NOT_NULL(plan_find_capability(plan, "release-ram"));
	CU_ASSERT_PTR_NULL(plan_find_capability(plan, "mapped-ram"));
	CU_ASSERT_FALSE(capability_may_be_on("of-a-newer-qemu", SIDE_DESTINATION));
	CU_ASSERT_FALSE(capability_may_be_on("postcopy-ram", SIDE_DESTINATION));
	CU_ASSERT_TRUE(capability_may_be_on("multifd", SIDE_DESTINATION));
	CU_ASSERT_FALSE(capability_may_be_on("auto-converge", SIDE_DESTINATION));
}

static const struct {
	const char *source; /* the parameters it has */
	const char *destination;
	NegotiatePolicy policy;
	const char *expected; /* "name=value@hosts" */
} settings[] = {
	{ "downtime-limit max-bandwidth",
	  "downtime-limit max-bandwidth",
	  { .downtime_limit_us = 20001 },
	  "downtime-limit=21@s max-bandwidth=0@s" },
	/* It begins low. */
	{ "downtime-limit cpu-throttle-initial max-cpu-throttle",
	  "downtime-limit cpu-throttle-initial",
	  { .downtime_limit_us = 300000 },
	  "downtime-limit=30@s" },
	{ "cpu-throttle-initial cpu-throttle-increment max-cpu-throttle throttle-trigger-threshold",
	  "cpu-throttle-initial",
	  { .on_stall = GW_ON_STALL_THROTTLE },
	  "cpu-throttle-initial=1@s cpu-throttle-increment=1@s max-cpu-throttle=1@s "
	  "throttle-trigger-threshold=100@s" },
	{ "max-bandwidth avail-switchover-bandwidth",
	  "",
	  { .bandwidth_bytes_per_s = 1000 },
	  "max-bandwidth=1000@s avail-switchover-bandwidth=1000@s" },
	{ "max-bandwidth avail-switchover-bandwidth",
	  "",
	  { .bandwidth_bytes_per_s = 1000, .switchover_bytes_per_s = 5000 },
	  "max-bandwidth=1000@s avail-switchover-bandwidth=5000@s" },
	{ "avail-switchover-bandwidth", "", { 0 }, "avail-switchover-bandwidth=0@s" },
	{ "multifd-channels multifd-compression tls-creds mode",
	  "multifd-channels multifd-compression tls-creds",
	  { .channels = 8 },
	  "multifd-channels=8@sd multifd-compression=none@sd tls-creds=@sd mode=normal@s" },
	{ "multifd-channels tls-creds",
	  "multifd-channels mode",
	  { .channels = 1 },
	  "tls-creds=@s mode=normal@d" },
	{ "multifd-channels zero-page-detection",
	  "multifd-channels",
	  { .channels = 2 },
	  "multifd-channels=2@sd zero-page-detection=legacy@s" },
	{ "zero-page-detection", "zero-page-detection", { .channels = 2 }, "" },
	{ "zero-page-detection", "", { .channels = 1 }, "" },
};

static char *
parameters_of(const GwPlan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *made = g_ptr_array_index(plan->parameters, i);
		CU_ASSERT_TRUE(made->reason != NULL && *made->reason != '\0');
		g_string_append_printf(text, "%s%s=", i > 0 ? " " : "", made->name);
		if (made->text != NULL)
			g_string_append(text, made->text);
		else
			g_string_append_printf(text, "%" G_GINT64_FORMAT, made->value);
		g_string_append_printf(text, "@%s%s", made->at_source ? "s" : "",
				       made->at_destination ? "d" : "");
	}
	return g_string_free(text, FALSE);
}

static void
each_parameter_is_set_with_a_reason(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
		g_autoptr(GwSurvey) source = make_survey(ALL, settings[i].source);
		g_autoptr(GwSurvey) destination = make_survey(ALL, settings[i].destination);
		g_autoptr(GwPlan) plan = negotiate(source, destination, &settings[i].policy);
		g_autofree char *parameters = parameters_of(plan);
		TEST_STRING(parameters, settings[i].expected);
	}
}

static const struct {
	const char *source; /* what its vfio-pci has; NULL: it has no such property */
	const char *destination;
	guint channels;
	const char *expected; /* NULL: it is left as it is */
} transfers[] = {
	{ "auto", "auto", 4, "on@sd" }, { "auto", "on", 4, "on@sd" },
	{ "off", "auto", 4, "off@sd" }, { "auto", "off", 4, "off@sd" },
	{ NULL, "auto", 4, "off@d" },	{ "auto", NULL, 4, "off@s" },
	{ NULL, NULL, 4, NULL },	{ "auto", "auto", 1, NULL },
};

static void
give_vgpu(GwSurvey *survey, const char *transfer)
{
	GwVgpu *vgpu = g_new0(GwVgpu, 1);
	GwDevice *device = g_new0(GwDevice, 1);

	vgpu->name = g_strdup("gpu0");
	survey->vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	g_ptr_array_add(survey->vgpus, vgpu);
	device->path = g_strdup("05.0");
	device->type = g_strdup("vfio-pci");
	device->properties = property_list_new();
	property_list_add(device->properties, "x-migration-multifd-transfer", transfer);
	survey->devices = device_list_new();
	g_ptr_array_add(survey->devices, device);
}

/* Both sides send and take a vGPU's state in the same way. */
static void
a_vgpu_goes_through_all_channels_or_one(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(transfers); i++) {
		const NegotiatePolicy policy = { .channels = transfers[i].channels };
		g_autoptr(GwSurvey) source = make_survey(ALL, "");
		g_autoptr(GwSurvey) destination = make_survey(ALL, "");
		give_vgpu(source, transfers[i].source);
		give_vgpu(destination, transfers[i].destination);
		g_autoptr(GwPlan) plan = negotiate(source, destination, &policy);
		g_autofree char *parameters = parameters_of(plan);
		g_autofree char *expected = transfers[i].expected == NULL
						    ? g_strdup("")
						    : g_strconcat("x-migration-multifd-transfer=",
								  transfers[i].expected, NULL);
		TEST_STRING(parameters, expected);
		for (guint p = 0; p < plan->parameters->len; p++)
			CU_ASSERT_TRUE(
				parameter_is_acceptable(g_ptr_array_index(plan->parameters, p)));
	}
}

CU_TestInfo suite_capability[] = {
	{ "each choice is made with a reason", each_choice_is_made_with_a_reason },
	{ "unknown capabilities are off and told of", unknown_capabilities_are_off_and_told_of },
	{ "each parameter is set with a reason", each_parameter_is_set_with_a_reason },
	{ "a vGPU goes through all channels or one", a_vgpu_goes_through_all_channels_or_one },
	CU_TEST_INFO_NULL,
};
