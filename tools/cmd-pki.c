/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit pki: makes the certificates of a cluster with two commands. The authority's key stays
 * where 'init' made it. The folder that 'host' makes is copied to that host and given there to
 * --tls-dir.
 */
#include <stdio.h>
#include <string.h>

#include "engine/gw-pki.h"
#include "tools/cmd.h"

#define MAX_ADDRESSES 64

typedef struct {
	char *days;
	gboolean renew;
	gboolean json;
} PkiOptions;

static int
parse_days(const PkiOptions *options, guint fallback, guint *ret_days)
{
	guint64 days = fallback;
	if (options->days != NULL &&
	    !g_ascii_string_to_unsigned(options->days, 10, 1, GW_PKI_MAX_DAYS, &days, NULL))
		return cmd_usage("--days: '%s' is not a number from 1 to %d", options->days,
				 GW_PKI_MAX_DAYS);
	*ret_days = (guint)days;
	return 0;
}

static int
show(const PkiOptions *options, const GwPki *made)
{
	if (options->json) {
		g_autofree char *json = gw_pki_to_json(made);
		puts(json);
		return cmd_printed(0);
	}
	g_autoptr(GDateTime) end = g_date_time_new_from_unix_utc(made->not_after_s);
	g_autofree char *date = g_date_time_format(end, "%Y-%m-%d");
	printf("%s: %s", made->folder, made->subject);
	for (guint i = 0; made->names != NULL && made->names[i] != NULL; i++)
		printf("%s%s", i == 0 ? " (" : ", ", made->names[i]);
	printf("%s, good until %s\n", made->names != NULL ? ")" : "", date);
	return cmd_printed(0);
}

static int
init(const PkiOptions *options, const char *dir, guint days)
{
	GError *error = NULL;
	g_autoptr(GwPki) made = gw_pki_init(dir, days, &error);
	if (made == NULL)
		return cmd_fail(EXIT_FAILURE, error);
	return show(options, made);
}

static int
add_host(const PkiOptions *options, const char *dir, char **words, guint days)
{
	GError *error = NULL;
	g_autoptr(GwPki) made = gw_pki_add_host(dir, words[0], (const char *const *)words + 1, days,
						options->renew, &error);
	if (made == NULL)
		return cmd_fail(EXIT_FAILURE, error);
	return show(options, made);
}

static int
pki(gpointer data, char **arguments)
{
	const PkiOptions *options = data;
	gboolean is_host = strcmp(arguments[0], "host") == 0;
	if (!is_host && strcmp(arguments[0], "init") != 0)
		return cmd_usage("'%s' is neither init nor host", arguments[0]);
	guint days = 0;
	int exit_code = parse_days(options, is_host ? GW_PKI_HOST_DAYS : GW_PKI_CA_DAYS, &days);
	if (exit_code != 0)
		return exit_code;
	const char *dir = arguments[1];
	if (is_host) {
		if (arguments[2] == NULL)
			return cmd_usage("host: NAME is missing");
		return add_host(options, dir, arguments + 2, days);
	}
	if (arguments[2] != NULL)
		return cmd_usage("'%s' is one argument too many", arguments[2]);
	if (options->renew)
		return cmd_usage("--renew is an option of 'host' only");
	return init(options, dir, days);
}

#define AT(member) G_STRUCT_OFFSET(PkiOptions, member)

static const CmdOption options[] = {
	{ "days", AT(days), "N",
	  "Days that it stays valid (3650 for an authority, 825 for a host)" },
	{ "renew", AT(renew), NULL, "For host: replace the certificates that exist" },
	{ "json", AT(json), NULL, "Print JSON" },
	{ NULL },
};

const Cmd verb_pki = {
	.name = "pki",
	.arguments = "init DIR | host DIR NAME [ADDRESS...]",
	.summary = "Make the certificates for --tls-dir",
	.detail = "init  makes the authority of a cluster in DIR; do this once, and keep DIR safe\n"
		  "host  makes the folder DIR/NAME with all that the host NAME needs; each "
		  "ADDRESS is\n"
		  "      another name or an IP address of that host\n"
		  "\n"
		  "Copy DIR/NAME to that host, for example as /etc/godwit/tls. Never copy "
		  "DIR/ca-key.pem.\n"
		  "Exit code 0: done. 1: failed, nothing was made. 2: wrong usage.\n",
	.options = options,
	.options_size = sizeof(PkiOptions),
	.min_arguments = 2,
	.max_arguments = 3 + MAX_ADDRESSES,
	.run = pki,
};
