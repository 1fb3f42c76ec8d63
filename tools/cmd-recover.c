/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit recover: settles what dead controllers left. The rules are in the library. Only the user
 * can add what the hosts cannot know, with --assume, after a look at the destination.
 */
#include <stdio.h>

#include "engine/gw-ownership.h"
#include "engine/gw-recover.h"
#include "tools/cmd.h"
#include "tools/terminal-sanitize.h"
#include "tools/json-text.h"

typedef struct {
	char *state_dir;
	char *assume;
	char *tls_dir;
	gboolean json;
} RecoverOptions;

static gboolean
parse_assume(const char *word, GwAssume *ret_assume)
{
	if (word == NULL)
		*ret_assume = GW_ASSUME_NOTHING;
	else if (g_str_equal(word, "running"))
		*ret_assume = GW_ASSUME_RUNNING;
	else if (g_str_equal(word, "gone"))
		*ret_assume = GW_ASSUME_GONE;
	else
		return FALSE;
	return TRUE;
}

static const char *
state_of(const GwRecovered *item)
{
	return item->settled ? "settled" : item->busy ? "busy" : "unknown";
}

static void
print_item(const GwRecovered *item)
{
	g_autofree char *text = terminal_sanitize(g_strdup(item->text));
	printf("%s: %s (%s, session %s): %s\n", state_of(item),
	       item->vm_name != NULL ? item->vm_name : "a VM", item->role, item->session, text);
}

static void
print_item_json(const GwRecovered *item, gboolean first)
{
	g_autoptr(GString) object = g_string_new("{");
	json_text_string(object, "session", item->session);
	json_text_string(object, "vm_name", item->vm_name);
	json_text_string(object, "role", item->role);
	json_text_boolean(object, "settled", item->settled);
	json_text_boolean(object, "busy", item->busy);
	json_text_string(object, "vm_runs_on", gw_place_to_string(item->vm_runs_on));
	json_text_string(object, "text", item->text);
	printf("%s\n  %s}", first ? "" : ",", object->str);
}

static gboolean
is_about(const GwRecovered *item, const char *name)
{
	return g_strcmp0(item->vm_name, name) == 0 || g_strcmp0(item->session, name) == 0;
}

/* Of what was named and has no journal this host may still know where it is. */
static void
print_unmatched(const RecoverOptions *options, const GPtrArray *found, char **names)
{
	if (names[0] == NULL && found->len == 0)
		puts("nothing to settle");
	for (guint i = 0; names[i] != NULL; i++) {
		gboolean is_found = FALSE;
		for (guint j = 0; j < found->len && !is_found; j++)
			is_found = is_about(g_ptr_array_index(found, j), names[i]);
		if (is_found)
			continue;
		g_autofree char *owner = gw_describe_owner(options->state_dir, names[i]);
		g_autofree char *name = terminal_sanitize(g_strdup(names[i]));
		g_autofree char *text =
			owner != NULL ? terminal_sanitize(g_steal_pointer(&owner)) : NULL;
		printf("nothing to settle of %s%s%s\n", name, text != NULL ? ": " : "",
		       text != NULL ? text : "");
	}
}

static int
recover(gpointer data, char **arguments)
{
	RecoverOptions *options = data;
	GwAssume assume;
	if (!parse_assume(options->assume, &assume))
		return cmd_usage("--assume: '%s' is neither 'running' nor 'gone'", options->assume);
	if (assume != GW_ASSUME_NOTHING && arguments[0] == NULL)
		return cmd_usage("--assume holds for one VM: name it, or its session");
	GError *error = NULL;
	g_autoptr(GPtrArray) found = gw_recover(options->state_dir, (const char *const *)arguments,
						assume, options->tls_dir, &error);
	if (found == NULL)
		return cmd_fail(EXIT_UNKNOWN, error);
	int exit_code = 0;
	if (options->json)
		putchar('[');
	for (guint i = 0; i < found->len; i++) {
		const GwRecovered *item = g_ptr_array_index(found, i);
		if (options->json)
			print_item_json(item, i == 0);
		else
			print_item(item);
		if (!item->settled && !item->busy)
			exit_code = EXIT_UNKNOWN;
	}
	if (options->json)
		puts(found->len > 0 ? "\n]" : "]");
	else
		print_unmatched(options, found, arguments);
	return exit_code;
}

#define AT(member) G_STRUCT_OFFSET(RecoverOptions, member)

static const CmdOption options[] = {
	{ "state-dir", AT(state_dir), "DIR", "The folder of the journals" },
	{ "assume", AT(assume), "WORD",
	  "You checked: the guest on the destination is 'running' or 'gone' forever" },
	{ "tls-dir", AT(tls_dir), "DIR",
	  "The folder of our certificates, if it is not that of the migration" },
	{ "json", AT(json), NULL, "Print what was found, as a JSON array" },
	{ NULL },
};

const Cmd verb_recover = {
	.name = "recover",
	.arguments = "[VM...]",
	.summary = "Settle what a crash left behind",
	.detail = "VM is a VM's name or a session; without one everything is settled, one by one.\n"
		  "Exit code 0: everything is settled, or another godwit still works on it.\n"
		  "6: something is still unknown.\n"
		  "--assume needs a VM. The agent is asked first: what it knows wins over your "
		  "word.\n"
		  "Use --assume only after you have checked the other host: with a wrong word "
		  "the\n"
		  "guest can run twice.\n",
	.options = options,
	.options_size = sizeof(RecoverOptions),
	.max_arguments = 256,
	.run = recover,
};
