/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The VM file: a GKeyFile with one group [vm] and the keys name, qmp and argv; the same file serves both
 * hosts. Values are taken as they stand, with no escapes of GKeyFile's: argv is quoted as in a shell.
 *
 * Whatever is not known here is an error that names the file, the group and the key: a word that is
 * misspelt must not be passed over in silence. argv is never taken from anywhere but a file on this host.
 * Starting what it says is in vm-start.c.
 */
#include "engine/gw-vm.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "engine/gw-error.h"

#define MAX_FILE_BYTES	(1024 * 1024)
#define MAX_NAME_BYTES	64
#define MAX_WORDS_BYTES 400

void
gw_vm_free(GwVm *self)
{
	if (self == NULL)
		return;
	g_free(self->path);
	g_free(self->name);
	g_free(self->qmp_path);
	g_free(self->argv);
	g_free(self);
}

/* (transfer full): @text short enough for a message, and with nothing in it that a terminal would obey. */
static char *
make_printable(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);
	const char *c = valid;
	for (; *c != '\0' && out->len < MAX_WORDS_BYTES; c = g_utf8_next_char(c)) {
		gunichar character = g_utf8_get_char(c);
		g_string_append_unichar(out, g_unichar_isprint(character) ? character : '?');
	}
	if (*c != '\0')
		g_string_append(out, "...");
	return g_string_free(out, FALSE);
}

/* @what may quote whatever the file holds. */
static gboolean
fail(GError **error, const char *path, const char *what)
{
	g_autofree char *words = make_printable(what);
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE, "VM file '%s': %s", path, words);
	return FALSE;
}

static gboolean
check_groups(GKeyFile *file, const char *path, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (guint i = 0; groups[i] != NULL; i++) {
		if (strcmp(groups[i], "vm") == 0)
			continue;
		gboolean vgpu = g_str_has_prefix(groups[i], "vgpu ");
		g_autofree char *what =
			g_strdup_printf(vgpu ? "group [%s]: vGPUs are not supported yet"
					     : "group [%s] is not known; there is only [vm]",
					groups[i]);
		return fail(error, path, what);
	}
	if (!g_key_file_has_group(file, "vm"))
		return fail(error, path, "there is no group [vm]");
	return TRUE;
}

static gboolean
check_keys(GKeyFile *file, const char *path, GError **error)
{
	static const char *const known[] = { "name", "qmp", "argv", NULL };
	g_auto(GStrv) keys = g_key_file_get_keys(file, "vm", NULL, NULL);
	for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
		if (g_strv_contains(known, keys[i]))
			continue;
		g_autofree char *what = g_strdup_printf(
			"group [vm]: key '%s' is not known; there are name, qmp and argv", keys[i]);
		return fail(error, path, what);
	}
	return TRUE;
}

/* (transfer full): the value of a key that must be there. */
static char *
read_key(GKeyFile *file, const char *path, const char *key, GError **error)
{
	g_autofree char *value = g_key_file_get_value(file, "vm", key, NULL);
	g_autofree char *what = NULL;
	if (value == NULL || value[0] == '\0')
		what = g_strdup_printf("group [vm]: key '%s' is missing", key);
	else if (!g_utf8_validate(value, -1, NULL))
		what = g_strdup_printf("group [vm]: key '%s' is not UTF-8", key);
	if (what == NULL)
		return g_steal_pointer(&value);
	fail(error, path, what);
	return NULL;
}

/* The name is used in file names. */
static gboolean
check_name(const char *name, const char *path, GError **error)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	if (g_ascii_isalnum(name[0]) && strspn(name, allowed) == strlen(name) &&
	    strlen(name) <= MAX_NAME_BYTES)
		return TRUE;
	g_autofree char *what = g_strdup_printf(
		"group [vm]: name '%s': a name is at most %d letters, digits, '.', '_' and '-', "
		"and begins with a letter or a digit",
		name, MAX_NAME_BYTES);
	return fail(error, path, what);
}

static gboolean
check_qmp(const char *qmp_path, const char *path, GError **error)
{
	g_autofree char *what = NULL;
	if (!g_path_is_absolute(qmp_path))
		what = g_strdup_printf("group [vm]: qmp '%s' is not an absolute path", qmp_path);
	else if (strlen(qmp_path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		what = g_strdup_printf("group [vm]: qmp '%s' is too long for a socket", qmp_path);
	return what == NULL ? TRUE : fail(error, path, what);
}

static GKeyFile *
load_key_file(const char *path, GError **error)
{
	struct stat status;
	if (stat(path, &status) == 0 && status.st_size > MAX_FILE_BYTES) {
		fail(error, path, "it is larger than 1 MiB");
		return NULL;
	}
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) cause = NULL;
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &cause)) {
		fail(error, path, cause->message);
		return NULL;
	}
	return g_steal_pointer(&file);
}

GwVm *
gw_vm_load(const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = load_key_file(path, error);
	if (file == NULL || !check_groups(file, path, error) || !check_keys(file, path, error))
		return NULL;
	g_autoptr(GwVm) self = g_new0(GwVm, 1);
	self->path = g_strdup(path);
	self->name = read_key(file, path, "name", error);
	if (self->name == NULL || !check_name(self->name, path, error))
		return NULL;
	self->qmp_path = read_key(file, path, "qmp", error);
	if (self->qmp_path == NULL || !check_qmp(self->qmp_path, path, error))
		return NULL;
	self->argv = read_key(file, path, "argv", error);
	if (self->argv == NULL)
		return NULL;
	g_auto(GStrv) argv = gw_vm_expand_argv(self, error);
	return argv != NULL ? g_steal_pointer(&self) : NULL;
}

/* (transfer full): @word with each ${qmp} replaced; a '$' with no brace stands for itself. */
static char *
expand_word(const GwVm *self, const char *word, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *open;
	while ((open = strstr(word, "${")) != NULL) {
		const char *close = strchr(open, '}');
		if (close == NULL || strncmp(open, "${qmp}", (gsize)(close + 1 - open)) != 0) {
			int len = close != NULL ? (int)(close + 1 - open) : (int)strlen(open);
			g_autofree char *what = g_strdup_printf(
				"group [vm]: argv: '%.*s' is not known; there is only '${qmp}'",
				len, open);
			fail(error, self->path, what);
			return NULL;
		}
		g_string_append_len(out, word, open - word);
		g_string_append(out, self->qmp_path);
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
		{ "-daemonize", "Godwit starts QEMU in the background by itself and watches it" },
		{ "-incoming", "Godwit adds it where it is needed" },
		{ "-S", "to start a guest paused, say --paused" },
	};
	const char *option = g_str_has_prefix(word, "--") ? word + 1 : word;
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		if (strcmp(option, refused[i].option) != 0)
			continue;
		g_autofree char *what =
			g_strdup_printf("group [vm]: argv: '%s' must not stand there: %s", word,
					refused[i].reason);
		return fail(error, self->path, what);
	}
	return TRUE;
}

GStrv
gw_vm_expand_argv(const GwVm *self, GError **error)
{
	g_auto(GStrv) words = NULL;
	int n;
	g_autoptr(GError) cause = NULL;
	if (!g_shell_parse_argv(self->argv, &n, &words, &cause)) {
		g_autofree char *what = g_strdup_printf("group [vm]: argv: %s", cause->message);
		fail(error, self->path, what);
		return NULL;
	}
	for (int i = 0; i < n; i++) {
		char *word = expand_word(self, words[i], error);
		if (word == NULL)
			return NULL;
		g_free(words[i]);
		words[i] = word;
		if (!check_word(self, word, error))
			return NULL;
	}
	return g_steal_pointer(&words);
}
