/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that the user may allow by their codes. With these the migration works, but afterwards the
 * guest finds something that differs from what it had. Errors that QEMU would reject, or that could
 * damage the guest for certain, are not among them.
 */
#include "engine/plan/allowable.h"

#include <string.h>

static const struct {
	const char *code;
	gboolean needs_subject;
} allowable[] = {
	{ "accelerator", FALSE },
	{ "clock", FALSE },
	{ "cpu-features", FALSE },
	{ "cpu-model", FALSE },
	{ "cpu-property", FALSE },
	{ "device-extra", FALSE },
	{ "device-property", FALSE },
	{ "disk-extra", TRUE },
	{ "disk-medium", TRUE },
	{ "disk-missing", TRUE },
	{ "disk-not-shared", TRUE },
	{ "disk-temporary", TRUE },
	{ "disk-unknown", TRUE },
	{ "export", TRUE },
	{ "machine-property", FALSE },
	{ "memory", FALSE },
	{ "refused-capability", FALSE },
	{ "topology", FALSE },
	{ "uuid", FALSE },
};

/* @word: "CODE" or "CODE:SUBJECT" */
static gboolean
has_code(const char *word, const char *code)
{
	gsize len = strlen(code);
	return strncmp(word, code, len) == 0 && (word[len] == '\0' || word[len] == ':');
}

gboolean
gw_code_can_be_allowed(const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(allowable); i++)
		if (has_code(word, allowable[i].code))
			return !allowable[i].needs_subject ||
			       word[strlen(allowable[i].code)] == ':';
	return FALSE;
}

char *
gw_codes_that_can_be_allowed(void)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(allowable); i++)
		g_string_append_printf(text, "%s%s%s", i > 0 ? " " : "", allowable[i].code,
				       allowable[i].needs_subject ? ":SUBJECT" : "");
	return g_string_free(text, FALSE);
}

static gboolean
is_allowed(const char *const *words, const GwIssue *issue)
{
	for (guint i = 0; words[i] != NULL; i++) {
		const char *subject = strchr(words[i], ':');
		if (has_code(words[i], issue->code) && gw_code_can_be_allowed(words[i]) &&
		    (subject == NULL || g_strcmp0(subject + 1, issue->subject) == 0))
			return TRUE;
	}
	return FALSE;
}

void
allowable_apply(Negotiation *self)
{
	const char *const *words = self->policy->allowed;
	for (guint i = 0; words != NULL && i < self->plan->issues->len; i++) {
		GwIssue *issue = g_ptr_array_index(self->plan->issues, i);
		if (issue->severity != GW_SEVERITY_ERROR || !is_allowed(words, issue))
			continue;
		issue->severity = GW_SEVERITY_WARNING;
		issue->is_allowed = TRUE;
	}
	for (guint i = 0; words != NULL && words[i] != NULL; i++)
		if (!gw_code_can_be_allowed(words[i]))
			negotiation_error(self, "not-allowable", SIDES_BOTH, words[i],
					  "fix the cause instead, or name the one disk "
					  "(CODE:SUBJECT)",
					  "errors of code '%s' cannot be allowed", words[i]);
}
