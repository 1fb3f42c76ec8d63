/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdlib.h>

#define EXIT_USAGE	  2 /* the command line is wrong */
#define EXIT_INCOMPATIBLE 3
#define EXIT_CANCELLED	  5
#define EXIT_UNKNOWN	  6 /* it cannot be known where the guest runs */

/* One option of a verb. The value is the string that the user gave. The options struct owns it. */
typedef struct {
	const char *name;
	gsize offset; /* in the verb's options: a char *, or a gboolean when @argument is NULL */
	const char *argument; /* (nullable): the name of the value in the help: "FILE" */
	const char *help;
	gboolean many; /* may be given more than once: kept in a char ** that ends with NULL */
} CmdOption;

/* One verb: everything that main, the help and the completion need. */
typedef struct {
	const char *name;
	const char *arguments; /* after the options, for the help; "" for none */
	const char *summary;
	const char *detail;	       /* (nullable): more for the verb's own help */
	const CmdOption *options;      /* ends with a NULL name */
	const CmdOption *more_options; /* (nullable): as above; they come first in the help */
	gsize options_size;	       /* of the struct that the offsets refer to; it begins
				        * zeroed */
	guint min_arguments;
	guint max_arguments;
	/* @arguments has the words that are not options, and ends with NULL. Returns the exit
	 * code. */
	int (*run)(gpointer options, char **arguments);
} Cmd;

/* The options of both tables, in order; NULL past the end. */
const CmdOption *cmd_option(const Cmd *self, guint index);

/* Reads the options, runs the verb and frees the options. @program: the name for messages: "godwit
 * run". @argv: the words after that name. */
int cmd_run(const Cmd *self, const char *program, int argc, char **argv);

/* Prints "PROGRAM: ..." and how to get the help, to stderr. Returns %EXIT_USAGE. */
int cmd_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Prints the error in the same form, without the hint, and frees it. Returns @exit_code. */
int cmd_fail(int exit_code, GError *error);
/* Ends a verb whose purpose is to print. Returns @exit_code, or %EXIT_FAILURE when stdout did not
 * take all of the output. */
int cmd_printed(int exit_code);
