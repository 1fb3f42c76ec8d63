/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit: looks up the verb and runs it. The table comes from meson.build, where one word adds a verb; the
 * help and the completion are made from the same table, so neither can forget one.
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
	fputs("\n'godwit help VERB' or 'godwit VERB --help' tells more; 'godwit --version' the "
	      "version.\n"
	      "\nThe exit code says where the VM is: 0 it runs on the destination; 1 failed, 4 did "
	      "not\n"
	      "converge, 5 cancelled: it is still on the source; 2 wrong usage; 3 incompatible, "
	      "nothing\n"
	      "was touched; 6 unknown: look before you act.\n",
	      file);
}

static int
unknown_verb(const char *name)
{
	fprintf(stderr, "godwit: '%s' is no verb\nTry 'godwit --help'.\n", name);
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

/* godwit complete [WORD…] CURRENT: what the shell may put in CURRENT's place, one a line. Nothing is said
 * where a file name may stand: the shell knows those better. */
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
		if (option->only == NULL && current[0] == '-' && g_str_has_prefix(word, current))
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
