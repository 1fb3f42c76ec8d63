/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of a VM file: split like a shell does it, with ${qmp} and the ${NAME}s of vGPUs
 * replaced. It is also checked for options that Godwit itself must set. There is no other
 * expansion, and never a shell.
 */
#include "engine/host/vm-argv.h"

#include <string.h>

#include "engine/gw-error.h"
#include "vfio/printable.h"

#define MAX_WORDS_BYTES 400

/* (transfer full): @text, short enough for a message and without control characters for a
 * terminal. */
static char *
quote(const char *text)
{
	g_autofree char *words = printable_make(g_utf8_make_valid(text, -1), PRINTABLE_ONE_LINE);
	if (strlen(words) <= MAX_WORDS_BYTES)
		return g_steal_pointer(&words);
	g_autofree char *begin = g_utf8_make_valid(words, MAX_WORDS_BYTES);
	return g_strconcat(begin, "...", NULL);
}

/* @what may quote whatever the file holds. */
gboolean
vm_file_fail(GError **error, const char *path, const char *what)
{
	g_autofree char *words = quote(what);
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE, "VM file '%s': %s", path, words);
	return FALSE;
}

/* (transfer none): what ${@name} stands for; NULL when it is not known. */
static const char *
find_value(const GwVm *self, const char *name, VmArgvUse use, gboolean *ret_unmade)
{
	if (strcmp(name, "qmp") == 0)
		return self->qmp_path;
	for (guint i = 0; self->vgpus != NULL && i < self->vgpus->len; i++) {
		const GwVmVgpu *vgpu = g_ptr_array_index(self->vgpus, i);
		if (strcmp(vgpu->name, name) != 0)
			continue;
		*ret_unmade = vgpu->sysfs_path == NULL && use == VM_ARGV_RUN;
		return vgpu->sysfs_path != NULL ? vgpu->sysfs_path : vgpu->name;
	}
	return NULL;
}

static gboolean
append_value(const GwVm *self, const char *name, VmArgvUse use, GString *out, GError **error)
{
	gboolean is_unmade = FALSE;
	const char *value = find_value(self, name, use, &is_unmade);
	if (value != NULL && !is_unmade) {
		g_string_append(out, value);
		return TRUE;
	}
	g_autofree char *what =
		g_strdup_printf(is_unmade
					? "group [vm]: argv: '${%s}': this vGPU does not exist yet"
					: "group [vm]: argv: '${%s}' is not known; there are "
					  "${qmp} and the names of "
					  "the [vgpu NAME] groups",
				name);
	return vm_file_fail(error, self->path, what);
}

/* (transfer full): @word with each ${…} replaced; a '$' with no brace stands for itself. */
static char *
expand_word(const GwVm *self, const char *word, VmArgvUse use, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *open;
	while ((open = strstr(word, "${")) != NULL) {
		const char *close = strchr(open, '}');
		if (close == NULL) {
			g_autofree char *what = g_strdup_printf(
				"group [vm]: argv: '%s' is not known: it lacks a '}'", open);
			vm_file_fail(error, self->path, what);
			return NULL;
		}
		g_autofree char *name = g_strndup(open + 2, (gsize)(close - open - 2));
		g_string_append_len(out, word, open - word);
		if (!append_value(self, name, use, out, error))
			return NULL;
		word = close + 1;
	}
	g_string_append(out, word);
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* QEMU takes each option with one dash or with two. */
static gboolean
check_word(const GwVm *self, const char *word, GError **error)
{
	static const struct {
		const char *option;
		const char *reason;
	} refused[] = {
		{ "-daemonize", "Godwit itself starts QEMU in the background and watches it" },
		{ "-incoming", "Godwit adds it where it is needed" },
		{ "-S", "to start a guest paused, give --paused" },
	};
	const char *option = g_str_has_prefix(word, "--") ? word + 1 : word;
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		if (strcmp(option, refused[i].option) != 0)
			continue;
		g_autofree char *what =
			g_strdup_printf("group [vm]: argv: '%s' is not allowed here: %s", word,
					refused[i].reason);
		return vm_file_fail(error, self->path, what);
	}
	return TRUE;
}

GStrv
vm_argv_expand(const GwVm *self, VmArgvUse use, GError **error)
{
	g_auto(GStrv) words = NULL;
	int n;
	g_autoptr(GError) cause = NULL;
	if (!g_shell_parse_argv(self->argv, &n, &words, &cause)) {
		g_autofree char *what = g_strdup_printf("group [vm]: argv: %s", cause->message);
		vm_file_fail(error, self->path, what);
		return NULL;
	}
	for (int i = 0; i < n; i++) {
		char *word = expand_word(self, words[i], use, error);
		if (word == NULL)
			return NULL;
		g_free(words[i]);
		words[i] = word;
		if (!check_word(self, word, error))
			return NULL;
	}
	return g_steal_pointer(&words);
}

GStrv
gw_vm_expand_argv(const GwVm *self, GError **error)
{
	return vm_argv_expand(self, VM_ARGV_RUN, error);
}

char *
vm_argv_device_id(const GwVm *self, const char *vgpu)
{
	g_autofree char *variable = g_strdup_printf("${%s}", vgpu);
	g_auto(GStrv) words = NULL;
	if (!g_shell_parse_argv(self->argv, NULL, &words, NULL))
		return NULL;
	g_autoptr(GRegex) id = g_regex_new("(?:,|^)id=([^,]+)|\"id\"\\s*:\\s*\"([^\"]+)\"",
					   G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
	for (char **word = words; *word != NULL; word++) {
		g_autoptr(GMatchInfo) match = NULL;
		if (strstr(*word, variable) == NULL || !g_regex_match(id, *word, 0, &match))
			continue;
		g_autofree char *plain = g_match_info_fetch(match, 1);
		return *plain != '\0' ? g_steal_pointer(&plain) : g_match_info_fetch(match, 2);
	}
	return NULL;
}
