/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of model-qemu's monitor, one function each, in a table. The error texts are QEMU's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qmp/json-get.h"
#include "tests/rig/model-machine.h"

/* Either one; a command that sets neither returns {}. */
typedef struct {
	char *result; /* (owned): JSON */
	char *desc;   /* (owned): of a GenericError */
} Reply;

G_GNUC_PRINTF(2, 3)
static void
refuse(Reply *reply, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	reply->desc = g_strdup_vprintf(format, values);
	va_end(values);
}

static const char *
argument(JsonObject *arguments, const char *name)
{
	const char *value = "";

	return json_get_string(arguments, name, &value, NULL) ? value : "";
}

/* ---- the machine ---- */

static void
query_status(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = g_strdup_printf("{\"status\": \"%s\", \"running\": %s}", self->run_state,
					g_str_equal(self->run_state, "running") ? "true" : "false");
}

static void
do_cont(Model *self, JsonObject *arguments, Reply *reply)
{
	if (g_str_equal(self->run_state, "inmigrate"))
		self->autostart = TRUE;
	else if (g_str_equal(self->run_state, "finish-migrate"))
		refuse(reply, "Migration is not finalized yet");
	else if (!g_str_equal(self->run_state, "running")) {
		if (self->options.cont_stderr != NULL)
			g_printerr("%s\n", self->options.cont_stderr);
		model_set_running(self, TRUE, "running");
		model_event(self, "\"RESUME\"");
	}
}

static void
do_stop(Model *self, JsonObject *arguments, Reply *reply)
{
	if (g_str_equal(self->run_state, "inmigrate"))
		self->autostart = FALSE;
	if (!g_str_equal(self->run_state, "running"))
		return;
	model_set_running(self, FALSE, "paused");
	model_event(self, "\"STOP\"");
}

static void
query_name(Model *self, JsonObject *arguments, Reply *reply)
{
	if (self->options.name != NULL)
		reply->result = g_strdup_printf("{\"name\": \"%s\"}", self->options.name);
}

static void
query_uuid(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = g_strdup_printf("{\"UUID\": \"%s\"}", self->options.uuid);
}

static void
query_target(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = g_strdup("{\"arch\": \"x86_64\"}");
}

static void
qom_get(Model *self, JsonObject *arguments, Reply *reply)
{
	if (!g_str_equal(argument(arguments, "path"), "/machine") ||
	    !g_str_equal(argument(arguments, "property"), "type"))
		refuse(reply, "Property '%s' not found", argument(arguments, "property"));
	else
		reply->result = g_strdup_printf("\"%s-machine\"", self->options.machine);
}

/* The folders of the devices: nothing was given to a model. */
static void
qom_list(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = model_list_objects(self, argument(arguments, "path"));
}

static void
object_add(Model *self, JsonObject *arguments, Reply *reply)
{
	model_set_object(self, argument(arguments, "id"));
}

static void
object_del(Model *self, JsonObject *arguments, Reply *reply)
{
	model_set_object(self, NULL);
}

static void
query_memory(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result =
		g_strdup_printf("{\"base-memory\": %" G_GINT64_FORMAT ", \"plugged-memory\": 0}",
				self->options.ram_mib * 1024 * 1024);
}

static void
query_cpus(Model *self, JsonObject *arguments, Reply *reply)
{
	GString *text = g_string_new("[");

	for (gint64 i = 0; i < self->options.vcpus; i++)
		g_string_append_printf(text, "%s{\"cpu-index\": %" G_GINT64_FORMAT "}",
				       i > 0 ? ", " : "", i);
	g_string_append_c(text, ']');
	reply->result = g_string_free(text, FALSE);
}

/* "[]" until the guest has stopped for the switchover. */
static void
answer_late(Model *self, const char *question, Reply *reply)
{
	const char *answer = g_hash_table_lookup(self->options.late, question);
	gboolean is_late = g_strcmp0(self->status, "pre-switchover") == 0;
	reply->result = g_strdup(answer != NULL && is_late ? answer : "[]");
}

static void
query_jobs(Model *self, JsonObject *arguments, Reply *reply)
{
	answer_late(self, "query-jobs", reply);
}

static void
query_exports(Model *self, JsonObject *arguments, Reply *reply)
{
	answer_late(self, "query-block-exports", reply);
}

static void
query_nothing(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = g_strdup("[]");
}

static void
query_yank(Model *self, JsonObject *arguments, Reply *reply)
{
	gboolean has_one = model_is_migrating(self) || model_is_untidy(self);
	reply->result = g_strdup(has_one ? "[{\"type\": \"migration\"}]" : "[]");
}

/* ---- descriptors ---- */

static void
do_getfd(Model *self, JsonObject *arguments, Reply *reply)
{
	if (self->passed_fd < 0) {
		refuse(reply, "No file descriptor supplied via SCM_RIGHTS");
		return;
	}
	g_hash_table_insert(self->fds, g_strdup(argument(arguments, "fdname")),
			    GINT_TO_POINTER(self->passed_fd));
	self->passed_fd = -1;
}

static void
do_closefd(Model *self, JsonObject *arguments, Reply *reply)
{
	if (!g_hash_table_remove(self->fds, argument(arguments, "fdname")))
		refuse(reply, "File descriptor named '%s' not found",
		       argument(arguments, "fdname"));
}

/* The descriptor of "fd:NAME", which is taken; -1 if it is refused. */
static int
take_uri(Model *self, JsonObject *arguments, Reply *reply)
{
	const char *uri = argument(arguments, "uri");
	gpointer name = NULL;
	gpointer fd = NULL;

	if (!g_str_has_prefix(uri, "fd:")) {
		refuse(reply, "unknown migration protocol: %s", uri);
		return -1;
	}
	if (!g_hash_table_steal_extended(self->fds, uri + strlen("fd:"), &name, &fd)) {
		refuse(reply, "File descriptor named '%s' has not been found", uri + strlen("fd:"));
		return -1;
	}
	g_free(name);
	return GPOINTER_TO_INT(fd);
}

/* ---- migration ---- */

static void
do_migrate(Model *self, JsonObject *arguments, Reply *reply)
{
	if (model_is_migrating(self))
		refuse(reply, "There's a migration process in progress");
	else if (g_str_equal(self->run_state, "inmigrate"))
		refuse(reply, "Guest is waiting for an incoming migration");
	else if (g_str_equal(self->run_state, "postmigrate"))
		refuse(reply, "Can't migrate the vm that was paused due to previous migration");
	if (reply->desc != NULL)
		return;
	int fd = take_uri(self, arguments, reply);
	if (fd >= 0)
		model_migrate(self, fd);
}

static void
do_incoming(Model *self, JsonObject *arguments, Reply *reply)
{
	gboolean exits = TRUE;

	if (!self->options.incoming)
		refuse(reply, "'-incoming' was not specified on the command line");
	else if (self->incoming_begun)
		refuse(reply, "The incoming migration has already been started");
	else if (json_object_has_member(arguments, "exit-on-error") && !self->options.modern)
		refuse(reply, "Parameter 'exit-on-error' is unexpected");
	if (reply->desc != NULL || !json_get_bool_opt(arguments, "exit-on-error", &exits, NULL))
		return;
	self->exit_on_error = exits;
	int fd = take_uri(self, arguments, reply);
	if (fd >= 0)
		model_incoming(self, fd);
}

static void
do_continue(Model *self, JsonObject *arguments, Reply *reply)
{
	const char *state = json_object_get_string_member_with_default(arguments, "state", "");

	if (g_strcmp0(self->status, state) != 0)
		refuse(reply, "Migration not in expected state: %s",
		       self->status != NULL ? self->status : "none");
	else
		model_continue(self);
}

static void
do_cancel(Model *self, JsonObject *arguments, Reply *reply)
{
	model_cancel(self);
}

static void
do_yank(Model *self, JsonObject *arguments, Reply *reply)
{
	model_yank(self);
}

static void
append_numbers(Model *self, GString *text)
{
	gint64 ram_bytes = self->options.ram_mib * 1024 * 1024;
	gint64 ms = (model_now_us() - self->begin_us) / 1000;

	g_string_append_printf(
		text,
		", \"total-time\": %" G_GINT64_FORMAT
		", \"setup-time\": 1, \"expected-downtime\": 300, \"ram\": "
		"{\"total\": %" G_GINT64_FORMAT
		", \"transferred\": 12345, \"remaining\": 4096, \"page-size\": 4096, "
		"\"mbps\": 268.4, \"dirty-pages-rate\": 10, \"dirty-sync-count\": 1}",
		ms, ram_bytes);
	if (g_str_equal(self->status, "completed"))
		g_string_append(text, ", \"downtime\": 3");
}

static void
query_migrate(Model *self, JsonObject *arguments, Reply *reply)
{
	GString *text = g_string_new("{");

	if (self->status != NULL)
		g_string_append_printf(text, "\"status\": \"%s\"", model_word(self, self->status));
	if (self->error_desc != NULL)
		g_string_append_printf(text, ", \"error-desc\": \"%s\"", self->error_desc);
	if (self->options.blocked != NULL)
		g_string_append_printf(text, "%s\"blocked-reasons\": [\"%s\"]",
				       text->len > 1 ? ", " : "", self->options.blocked);
	if (!self->incoming_begun &&
	    (model_is_migrating(self) || g_strcmp0(self->status, "completed") == 0))
		append_numbers(self, text);
	g_string_append_c(text, '}');
	reply->result = g_string_free(text, FALSE);
}

static void
query_capabilities(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = model_list_capabilities(self);
}

static void
set_capabilities(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->desc = model_set_capabilities(self, arguments);
}

static void
query_parameters(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = model_list_parameters(self);
}

static void
set_parameters(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->desc = model_set_parameters(self, arguments);
}

static void
do_quit(Model *self, JsonObject *arguments, Reply *reply)
{
	model_event(self, "\"SHUTDOWN\", \"data\": {\"guest\": false, \"reason\": "
			  "\"host-qmp-quit\"}");
	model_set_running(self, FALSE, "shutdown");
}

static void
trace_query(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = model_trace_query(self);
}

static void
trace_set(Model *self, JsonObject *arguments, Reply *reply)
{
	model_trace_set(self, json_object_get_boolean_member(arguments, "enable"));
}

static void
human_monitor(Model *self, JsonObject *arguments, Reply *reply)
{
	reply->result = model_monitor(self, argument(arguments, "command-line"));
}

static void query_schema(Model *self, JsonObject *arguments, Reply *reply);

static const struct {
	const char *name;
	void (*run)(Model *self, JsonObject *arguments, Reply *reply);
	const char *type; /* of its arguments, in the schema below */
	gboolean oob;
} commands[] = {
	{ "query-status", query_status, "0", FALSE },
	{ "cont", do_cont, "0", FALSE },
	{ "stop", do_stop, "0", FALSE },
	{ "quit", do_quit, "0", FALSE },
	{ "query-name", query_name, "0", FALSE },
	{ "query-uuid", query_uuid, "0", FALSE },
	{ "query-target", query_target, "0", FALSE },
	{ "qom-get", qom_get, "0", FALSE },
	{ "qom-list", qom_list, "0", FALSE },
	{ "query-memory-size-summary", query_memory, "0", FALSE },
	{ "query-cpus-fast", query_cpus, "0", FALSE },
	{ "query-pci", query_nothing, "0", FALSE },
	{ "query-block", query_nothing, "0", FALSE },
	{ "query-jobs", query_jobs, "0", FALSE },
	{ "query-block-exports", query_exports, "0", FALSE },
	{ "object-add", object_add, "0", FALSE },
	{ "object-del", object_del, "0", FALSE },
	{ "getfd", do_getfd, "0", FALSE },
	{ "closefd", do_closefd, "0", FALSE },
	{ "migrate", do_migrate, "1", FALSE },
	{ "migrate-incoming", do_incoming, "2", FALSE },
	{ "migrate-continue", do_continue, "0", FALSE },
	{ "migrate_cancel", do_cancel, "0", FALSE },
	{ "query-migrate", query_migrate, "0", FALSE },
	{ "query-migrate-capabilities", query_capabilities, "0", FALSE },
	{ "migrate-set-capabilities", set_capabilities, "0", FALSE },
	{ "query-migrate-parameters", query_parameters, "0", FALSE },
	{ "migrate-set-parameters", set_parameters, "3", FALSE },
	{ "query-qmp-schema", query_schema, "0", FALSE },
	{ "trace-event-get-state", trace_query, "0", FALSE },
	{ "trace-event-set-state", trace_set, "0", FALSE },
	{ "human-monitor-command", human_monitor, "0", FALSE },
	{ "yank", do_yank, "0", TRUE },
	{ "query-yank", query_yank, "0", TRUE },
};

static void
append_type(GString *text, const char *type, const char *members)
{
	g_auto(GStrv) names = g_strsplit(members, " ", -1);

	g_string_append_printf(text, "{\"name\": \"%s\", \"meta-type\": \"object\", \"members\": [",
			       type);
	for (guint i = 0; names[i] != NULL && *names[i] != '\0'; i++)
		g_string_append_printf(text, "%s{\"name\": \"%s\", \"type\": \"str\"}",
				       i > 0 ? ", " : "", names[i]);
	g_string_append(text, "]}, ");
}

static void
query_schema(Model *self, JsonObject *arguments, Reply *reply)
{
	gboolean modern = self->options.modern;
	GString *text = g_string_new("[");

	append_type(text, "0", "");
	append_type(text, "1", modern ? "uri channels detach resume" : "uri detach resume");
	append_type(text, "2", modern ? "uri channels exit-on-error" : "uri");
	append_type(text, "3",
		    modern ? "downtime-limit max-bandwidth announce-rounds "
			     "avail-switchover-bandwidth"
			   : "downtime-limit max-bandwidth announce-rounds");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(text,
				       "{\"name\": \"%s\", \"meta-type\": \"command\", "
				       "\"arg-type\": \"%s\", \"ret-type\": \"0\"}, ",
				       commands[i].name, commands[i].type);
	const char *const events[] = { "STOP", "RESUME", "MIGRATION_PASS", "SHUTDOWN" };
	for (gsize i = 0; i < G_N_ELEMENTS(events); i++)
		g_string_append_printf(text, "{\"name\": \"%s\", \"meta-type\": \"event\"}, ",
				       events[i]);
	g_string_append(text, "{\"name\": \"MIGRATION\", \"meta-type\": \"event\"}]");
	reply->result = g_string_free(text, FALSE);
}

/* ---- from the line to the reply ---- */

static void
send_error(Model *self, gint64 id, const char *class, const char *desc)
{
	g_autoptr(JsonNode) node = json_node_init_string(json_node_alloc(), desc);
	g_autofree char *quoted = json_to_string(node, FALSE);

	g_string_append_printf(self->out,
			       "{\"id\": %" G_GINT64_FORMAT
			       ", \"error\": {\"class\": \"%s\", \"desc\": %s}}\r\n",
			       id, class, quoted);
}

static void
run_command(Model *self, gsize row, JsonObject *arguments, gint64 id)
{
	Reply reply = { NULL, NULL };

	commands[row].run(self, arguments, &reply);
	if (reply.desc != NULL)
		send_error(self, id, "GenericError", reply.desc);
	else
		g_string_append_printf(self->out,
				       "{\"return\": %s, \"id\": %" G_GINT64_FORMAT "}\r\n",
				       reply.result != NULL ? reply.result : "{}", id);
	g_free(reply.result);
	g_free(reply.desc);
}

/* What --on says about this command; NULL for nothing. */
static const char *
find_action(Model *self, const char *name)
{
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(self->counts, name)) + 1;
	g_autofree char *numbered = g_strdup_printf("%s#%u", name, count);

	g_hash_table_insert(self->counts, g_strdup(name), GUINT_TO_POINTER(count));
	const char *action = g_hash_table_lookup(self->options.on, numbered);
	return action != NULL ? action : g_hash_table_lookup(self->options.on, name);
}

static void
dispatch(Model *self, const char *name, JsonObject *arguments, gint64 id, gboolean oob)
{
	if (g_str_equal(name, "qmp_capabilities")) {
		g_string_append_printf(self->out,
				       "{\"return\": {}, \"id\": %" G_GINT64_FORMAT "}\r\n", id);
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (!g_str_equal(name, commands[i].name))
			continue;
		if (oob && !commands[i].oob)
			send_error(self, id, "GenericError", "The command does not support OOB");
		else
			run_command(self, i, arguments, id);
		return;
	}
	g_autofree char *desc = g_strdup_printf("The command %s has not been found", name);
	send_error(self, id, "CommandNotFound", desc);
}

static void
write_commands(Model *self, const char *name, const char *line)
{
	if (self->options.commands_path == NULL)
		return;
	int fd = open(self->options.commands_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	g_assert_cmpint(fd, >=, 0);
	dprintf(fd, "%s %.*s\n", name, (int)strcspn(line, "\r\n"), line);
	close(fd);
}

/* Does what --on says about a command. %FALSE when it is to be carried out as usual, late maybe. */
static gboolean
take_action(Model *self, const char *action, gint64 id, gboolean *ret_keep)
{
	*ret_keep = TRUE;
	if (g_str_has_prefix(action, "fail:"))
		send_error(self, id, "GenericError", action + strlen("fail:"));
	else if (g_str_equal(action, "skip"))
		g_string_append_printf(self->out,
				       "{\"return\": {}, \"id\": %" G_GINT64_FORMAT "}\r\n", id);
	else if (model_act(self, action))
		return FALSE;
	else
		*ret_keep = g_str_equal(action, "ignore");
	return TRUE;
}

gboolean
model_command(Model *self, const char *line)
{
	g_autoptr(JsonNode) node = json_from_string(line, NULL);
	g_autoptr(JsonObject) none = json_object_new();
	JsonObject *object = NULL;
	JsonObject *arguments = none;
	const char *name = "?";
	gint64 id = 0;

	if (!json_get_root_object(node, "the command", &object, NULL) ||
	    !json_get_object_opt(object, "arguments", &arguments, NULL) ||
	    !json_get_int_opt(object, "id", &id, NULL)) {
		g_string_append(self->out, "{\"error\": {\"class\": \"GenericError\", \"desc\": "
					   "\"JSON parse error\"}}\r\n");
		return TRUE;
	}
	gboolean oob = json_object_has_member(object, "exec-oob");
	if (!json_get_string(object, oob ? "exec-oob" : "execute", &name, NULL))
		return TRUE;
	write_commands(self, name, line);
	const char *action = find_action(self, name);
	gboolean keep = TRUE;
	if (action != NULL && take_action(self, action, id, &keep))
		return keep;
	dispatch(self, name, arguments, id, oob);
	return TRUE;
}
