/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors that the user may allow by their codes. With these the migration works, but afterwards the
 * guest finds something that differs from what it had. Errors that QEMU would reject, or that could
 * damage the guest for certain, are not among them.
 */
#include "engine/plan/allowable.h"

#include <string.h>

/* Those with a condition can only be allowed for one subject, and the remedy says the condition. */
static const struct {
	const char *code;
	const char *condition; /* (nullable) */
} allowable[] = {
	{ "accelerator", NULL },
	{ "clock", NULL },
	{ "cpu-features", NULL },
	{ "cpu-model", NULL },
	{ "cpu-property", NULL },
	{ "device-extra", NULL },
	{ "device-property", NULL },
	{ "disk-extra", "the guest may find it in its drive" },
	{ "disk-medium", "the guest may find other contents" },
	{ "disk-missing", "the guest can do without it" },
	{ "disk-not-shared", "it is copied by other means" },
	{ "disk-temporary", "this may be lost" },
	{ "disk-unknown", "you know that it is the same disk" },
	{ "export", "its readers may lose it" },
	{ "machine-property", NULL },
	{ "memory", NULL },
	{ "refused-capability", NULL },
	{ "topology", NULL },
	{ "uuid", NULL },
};

/* @word: "CODE" or "CODE:SUBJECT" */
static gboolean
has_code(const char *word, const char *code)
{
	gsize len = strlen(code);
	return strncmp(word, code, len) == 0 && (word[len] == '\0' || word[len] == ':');
}

static gboolean
has_subject(const char *word)
{
	const char *colon = strchr(word, ':');
	return colon != NULL && colon[1] != '\0';
}

gboolean
gw_code_can_be_allowed(const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(allowable); i++)
		if (has_code(word, allowable[i].code))
			return allowable[i].condition == NULL || has_subject(word);
	return FALSE;
}

char *
gw_codes_that_can_be_allowed(void)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(allowable); i++)
		g_string_append_printf(text, "%s%s%s", i > 0 ? " " : "", allowable[i].code,
				       allowable[i].condition != NULL ? ":SUBJECT" : "");
	return g_string_free(text, FALSE);
}

/* Returns whether it allows an error. */
static gboolean
apply_word(Negotiation *self, const char *word)
{
	const char *subject = strchr(word, ':');
	gboolean is_used = FALSE;
	for (guint i = 0; i < self->plan->issues->len; i++) {
		GwIssue *issue = g_ptr_array_index(self->plan->issues, i);
		if (!has_code(word, issue->code) ||
		    (subject != NULL && g_strcmp0(subject + 1, issue->subject) != 0) ||
		    (issue->severity != GW_SEVERITY_ERROR && !issue->is_allowed))
			continue;
		issue->severity = GW_SEVERITY_WARNING;
		issue->is_allowed = TRUE;
		is_used = TRUE;
	}
	return is_used;
}

/* A name is often that of the image where the device's is needed. The rules for two QEMUs have not
 * run where there is only one. */
static void
tell_unused(Negotiation *self, const char *word)
{
	if (strchr(word, ':') != NULL && !negotiation_destination(self)->is_absent)
		negotiation_warning(self, "allowed-nothing", SIDES_BOTH, word,
				    "leave it out, or write the subject as the plan does",
				    "there is no error of this code and subject to allow");
}

/* (transfer full): as one word of a shell; a device without an id has a path with brackets. */
static char *
quote(const char *word)
{
	gboolean is_plain =
		word[strspn(word, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.:/")] == '\0';
	return is_plain ? g_strdup(word) : g_shell_quote(word);
}

/* The words to type, behind the other ways out. */
static void
extend_remedy(GwIssue *issue)
{
	const char *condition = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(allowable); i++)
		if (g_str_equal(issue->code, allowable[i].code))
			condition = allowable[i].condition;
	if (issue->severity != GW_SEVERITY_ERROR || condition == NULL || issue->subject == NULL)
		return;
	g_autofree char *word = g_strdup_printf("%s:%s", issue->code, issue->subject);
	g_autofree char *quoted = quote(word);
	g_autofree char *before = issue->remedy;
	issue->remedy = g_strdup_printf("%s; only if %s: --allow %s", before, condition, quoted);
}

void
allowable_apply(Negotiation *self)
{
	const char *const *words = self->policy->allowed;
	for (guint i = 0; words != NULL && words[i] != NULL; i++)
		if (gw_code_can_be_allowed(words[i])) {
			if (!apply_word(self, words[i]))
				tell_unused(self, words[i]);
		} else
			negotiation_error(self, "not-allowable", SIDES_BOTH, words[i],
					  "fix the cause instead, or name the one disk "
					  "(CODE:SUBJECT)",
					  "errors of code '%s' cannot be allowed", words[i]);
	for (guint i = 0; i < self->plan->issues->len; i++)
		extend_remedy(g_ptr_array_index(self->plan->issues, i));
}
