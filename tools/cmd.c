/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the command line of a verb. The verb's table of options becomes a GOptionContext, which
 * also makes --help.
 */
#include "tools/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tools/terminal-sanitize.h"

#define MAX_DESCRIPTORS 524288 /* not "unlimited": some programs close every number up to it */

const CmdOption *
cmd_option(const Cmd *self, guint index)
{
	const CmdOption *option = self->more_options;
	for (; option != NULL && option->name != NULL; option++, index--)
		if (index == 0)
			return option;
	for (option = self->options; option->name != NULL; option++, index--)
		if (index == 0)
			return option;
	return NULL;
}

static char **
string_at(const CmdOption *option, gpointer options)
{
	return G_STRUCT_MEMBER_P(options, option->offset);
}

static gboolean *
flag_at(const CmdOption *option, gpointer options)
{
	return G_STRUCT_MEMBER_P(options, option->offset);
}

static GOptionArg
kind_of(const CmdOption *option)
{
	if (option->argument == NULL)
		return G_OPTION_ARG_NONE;
	return option->many ? G_OPTION_ARG_STRING_ARRAY : G_OPTION_ARG_STRING;
}

static void
free_value(const CmdOption *option, gpointer options)
{
	if (option->many)
		g_strfreev(*(char ***)string_at(option, options));
	else if (option->argument != NULL)
		g_free(*string_at(option, options));
}

static void
add_entry(GArray *entries, const CmdOption *option, gpointer options)
{
	gboolean flag = option->argument == NULL;
	GOptionEntry entry = {
		.long_name = option->name,
		.arg = kind_of(option),
		.arg_data = flag ? (gpointer)flag_at(option, options) : string_at(option, options),
		.description = option->help,
		.arg_description = option->argument,
	};
	g_array_append_val(entries, entry);
}

/* print_help() prints the help. GLib's own way replaces characters that the locale does not
 * have. */
static GOptionContext *
make_context(const Cmd *self, gpointer options, gboolean *help)
{
	GOptionContext *context = g_option_context_new(self->arguments);
	g_autoptr(GArray) entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
	const CmdOption *option;
	for (guint i = 0; (option = cmd_option(self, i)) != NULL; i++)
		add_entry(entries, option, options);
	GOptionEntry help_entry = { .long_name = "help",
				    .short_name = 'h',
				    .arg = G_OPTION_ARG_NONE,
				    .arg_data = help,
				    .description = "Show this" };
	g_array_append_val(entries, help_entry);
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, (const GOptionEntry *)entries->data, NULL);
	g_option_context_set_summary(context, self->summary);
	g_option_context_set_description(context, self->detail);
	return context;
}

int
cmd_usage(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	const char *program = g_get_prgname();
	fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program, text, program);
	return EXIT_USAGE;
}

int
cmd_fail(int exit_code, GError *error)
{
	fprintf(stderr, "%s: %s\n", g_get_prgname(), terminal_sanitize(error->message));
	g_error_free(error);
	return exit_code;
}

int
cmd_printed(int exit_code)
{
	gboolean written = fflush(stdout) == 0 && !ferror(stdout);
	if (written)
		return exit_code;
	/* A reader that closed the pipe has read enough: print no error. */
	if (errno != EPIPE)
		fprintf(stderr, "%s: cannot write the output: %s\n", g_get_prgname(),
			g_strerror(errno));
	return EXIT_FAILURE;
}

static int
print_help(GOptionContext *context)
{
	g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
	fputs(text, stdout);
	return 0;
}

static int
parse_and_run(const Cmd *self, gpointer options, GPtrArray *words)
{
	gboolean help = FALSE;
	g_autoptr(GOptionContext) context = make_context(self, options, &help);
	g_autoptr(GError) error = NULL;
	char **argv = (char **)words->pdata;
	int argc = (int)words->len - 1;
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return cmd_usage("%s", error->message);
	if (help)
		return print_help(context);

	char **arguments = argv + 1;
	if (arguments[0] != NULL && strcmp(arguments[0], "--") == 0)
		arguments++;
	guint n = g_strv_length(arguments);
	if (n < self->min_arguments)
		return cmd_usage("%s is missing", self->arguments);
	if (n > self->max_arguments)
		return cmd_usage("'%s' is one argument too many", arguments[self->max_arguments]);
	return self->run(options, arguments);
}

/* A migration needs some descriptors for each channel, and 1024 is a usual soft limit. QEMUs that
 * we start inherit it. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = MAX(limit.rlim_cur, MIN(limit.rlim_max, MAX_DESCRIPTORS));
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		g_debug("the limit of descriptors stays as it is: %s", g_strerror(errno));
}

int
cmd_run(const Cmd *self, const char *program, int argc, char **argv)
{
	g_set_prgname(program);
	raise_descriptor_limit();
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_ptr_array_add(words, (gpointer)program);
	for (int i = 0; i < argc; i++)
		g_ptr_array_add(words, argv[i]);
	g_ptr_array_add(words, NULL);

	g_autofree gpointer options = g_malloc0(self->options_size);
	int exit_code = parse_and_run(self, options, words);
	const CmdOption *option;
	for (guint i = 0; (option = cmd_option(self, i)) != NULL; i++)
		free_value(option, options);
	return exit_code;
}
