/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that the user may let pass by their codes: where the migration works all the same, and only what the
 * guest finds there is another thing than it left. What QEMU would refuse, or what could damage the guest for
 * certain, is not among them.
 */
#include "engine/plan/allowable.h"

static const char *const allowable[] = {
	"accelerator",
	"clock",
	"cpu-features",
	"cpu-model",
	"cpu-property",
	"device-extra",
	"device-property",
	"disk-extra",
	"disk-missing",
	"disk-not-shared",
	"machine-property",
	"memory",
	"refused-capability",
	"topology",
	"uuid",
	NULL,
};

gboolean
gw_code_can_be_allowed(const char *code)
{
	return g_strv_contains(allowable, code);
}

char *
gw_codes_that_can_be_allowed(void)
{
	return g_strjoinv(" ", (char **)allowable);
}

void
allowable_apply(Negotiation *self)
{
	const char *const *codes = self->policy->allowed;
	for (guint i = 0; codes != NULL && i < self->plan->issues->len; i++) {
		GwIssue *issue = g_ptr_array_index(self->plan->issues, i);
		if (issue->severity != GW_SEVERITY_ERROR || !g_strv_contains(codes, issue->code) ||
		    !gw_code_can_be_allowed(issue->code))
			continue;
		issue->severity = GW_SEVERITY_WARNING;
		issue->is_allowed = TRUE;
	}
	for (guint i = 0; codes != NULL && codes[i] != NULL; i++)
		if (!gw_code_can_be_allowed(codes[i]))
			negotiation_error(self, "not-allowable", SIDES_BOTH, codes[i],
					  "fix what is wrong instead",
					  "errors of code '%s' cannot be allowed", codes[i]);
}
