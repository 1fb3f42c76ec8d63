/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit: finds the verb and runs it. meson.build defines the table of verbs: one word there adds a
 * verb. The help and the completion use the same table, so both list every verb.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/gw-version.h"
#include "tools/cmd.h"

#define X(verb) extern const Cmd verb_##verb;
GODWIT_VERBS(X)
#undef X

#define X(verb) &verb_##verb,
static const Cmd *const verbs[] = { GODWIT_VERBS(X) };
#undef X

static const Cmd *
find_verb(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static void
print_help(FILE *file)
{
	fputs("Usage: godwit VERB [OPTION…] [ARGUMENT…]\n\n"
	      "Live-migrates QEMU virtual machines.\n\nVerbs:\n",
	      file);
	for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
		fprintf(file, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\n'godwit help VERB' or 'godwit VERB --help' explains a verb.\n"
	      "'godwit --version' prints the version.\n"
	      "\nThe exit code of 'godwit migrate' says where the VM is:\n"
	      "  0  it runs on the destination (other verbs: done)\n"
	      "  1  failed: it is still on the source\n"
	      "  2  wrong usage or VM file: nothing was touched\n"
	      "  3  incompatible: nothing was touched\n"
	      "  4  not converged: it is still on the source\n"
	      "  5  cancelled: it is still on the source\n"
	      "  6  unknown, or both copies have ended: look before you act\n",
	      file);
}

static int
unknown_verb(const char *name)
{
	fprintf(stderr, "godwit: '%s' is not a verb\nTry 'godwit --help'.\n", name);
	return EXIT_USAGE;
}

static int
run_verb(const Cmd *verb, int argc, char **argv)
{
	g_autofree char *program = g_strconcat("godwit ", verb->name, NULL);
	return cmd_run(verb, program, argc, argv);
}

static int
run_help(int argc, char **argv)
{
	if (argc == 0) {
		print_help(stdout);
		return 0;
	}
	const Cmd *verb = find_verb(argv[0]);
	char *help[] = { (char *)"--help" };
	return verb != NULL ? run_verb(verb, 1, help) : unknown_verb(argv[0]);
}

/* godwit complete [WORD…] CURRENT: prints what the shell may put in the place of CURRENT, one word
 * a line. It prints nothing where a file name may stand, because the shell completes file names
 * itself. */
static int
run_complete(int argc, char **argv)
{
	const char *current = argc > 0 ? argv[argc - 1] : "";
	const Cmd *verb = argc > 1 ? find_verb(argv[0]) : NULL;
	gboolean wants_verb = argc <= 1 || (argc == 2 && strcmp(argv[0], "help") == 0);
	for (guint i = 0; wants_verb && i < G_N_ELEMENTS(verbs); i++)
		if (g_str_has_prefix(verbs[i]->name, current))
			puts(verbs[i]->name);
	if (verb == NULL)
		return 0;
	const CmdOption *option;
	for (guint i = 0; (option = cmd_option(verb, i)) != NULL; i++) {
		g_autofree char *word = g_strconcat("--", option->name, NULL);
		if (current[0] == '-' && g_str_has_prefix(word, current))
			puts(word);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	/* A closed pipe must not end a migration. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0)
		return printf("godwit %s\n", GW_VERSION) < 0;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return run_help(argc - 2, argv + 2);
	if (strcmp(word, "complete") == 0)
		return run_complete(argc - 2, argv + 2);
	const Cmd *verb = find_verb(word);
	return verb != NULL ? run_verb(verb, argc - 2, argv + 2) : unknown_verb(word);
}
