/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The members that the head of control.c promises are those that cross the wire: whole migrations
 * run through a proxy that keeps each message.
 */
#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/control/peer.h"
#include "tests/rig/session-rig.h"
#include "tests/rig/test-util.h"

#define CALL_MS 10000

/* "commit reply": {"outcome": required, "text": not} */
typedef GHashTable Promises;

static void
add_promise(Promises *promises, const char *name, const char *members)
{
	GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_auto(GStrv) words = g_strsplit(members, ", ", -1);

	for (guint i = 0; words[i] != NULL && words[i][0] != '\0'; i++) {
		gsize length = strlen(words[i]);
		gboolean is_optional = words[i][length - 1] == '?';
		char *word = g_strndup(words[i], length - (is_optional ? 1 : 0));
		g_hash_table_insert(set, word, GINT_TO_POINTER(!is_optional));
	}
	g_hash_table_insert(promises, g_strdup(name), set);
}

/* (transfer full): from "NAME {MEMBER, MEMBER?}" in the first comment that has some; a reply goes
 * with the request before it */
static Promises *
read_promises(void)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_file_get_contents(TEST_DATA "/../../engine/control/control.c", &text, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	*strstr(text, "#include") = '\0';

	Promises *promises = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						   (GDestroyNotify)g_hash_table_unref);
	g_autoptr(GRegex) regex = g_regex_new("([a-z]+) \\{([^}]*)\\}", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *request = g_strdup("");
	for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match);
	     g_match_info_next(match, NULL)) {
		g_autofree char *word = g_match_info_fetch(match, 1);
		g_autofree char *members = g_match_info_fetch(match, 2);
		g_autofree char *name = strcmp(word, "reply") == 0
						? g_strconcat(request, " reply", NULL)
						: g_strdup(word);
		add_promise(promises, name, members);
		if (strcmp(word, "reply") == 0)
			continue;
		g_free(request);
		request = g_strdup(word);
	}
	return promises;
}

static void
check_members(Promises *promises, const char *name, JsonObject *body)
{
	GHashTable *promised = g_hash_table_lookup(promises, name);
	if (promised == NULL) {
		printf("    '%s' is not in the head of control.c\n", name);
		CU_FAIL("a message that is not promised");
		return;
	}
	g_autoptr(GList) members = json_object_get_members(body);
	for (GList *l = members; l != NULL; l = l->next) {
		if (strcmp(l->data, "type") == 0 || strcmp(l->data, "id") == 0 ||
		    g_hash_table_contains(promised, l->data))
			continue;
		printf("    '%s' is sent with '%s'\n", name, (char *)l->data);
		CU_FAIL("a member that is not promised");
	}
	GHashTableIter iter;
	gpointer member, is_required;
	g_hash_table_iter_init(&iter, promised);
	while (g_hash_table_iter_next(&iter, &member, &is_required)) {
		if (!is_required || json_object_has_member(body, member))
			continue;
		printf("    '%s' is sent without '%s'\n", name, (char *)member);
		CU_FAIL("a member that is promised");
	}
}

/* (transfer full): which message of the head this is; @requests: what was asked, by "SIDE ID" */
static char *
name_message(GHashTable *requests, char side, JsonObject *body)
{
	const char *type = json_object_get_string_member(body, "type");
	gint64 id = json_object_get_int_member_with_default(body, "id", 0);
	gboolean is_reply = strcmp(type, "reply") == 0;
	char asker = is_reply ? (side == '<' ? '>' : '<') : side;
	g_autofree char *key = g_strdup_printf("%c %" G_GINT64_FORMAT, asker, id);
	if (is_reply)
		return g_strdup_printf("%s reply", (char *)g_hash_table_lookup(requests, key));
	if (id > 0 && strcmp(type, "error") != 0)
		g_hash_table_insert(requests, g_strdup(key), g_strdup(type));
	return g_strdup(type);
}

/* Takes what has crossed out of @unseen. */
static void
check_lines(Promises *promises, GHashTable *unseen, char **lines)
{
	g_autoptr(GHashTable) requests =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_autoptr(JsonNode) node = json_from_string(lines[i] + 1, NULL);
		CU_ASSERT_TRUE_FATAL(node != NULL && JSON_NODE_HOLDS_OBJECT(node));
		JsonObject *body = json_node_get_object(node);
		g_autofree char *name = name_message(requests, lines[i][0], body);
		check_members(promises, name, body);
		g_hash_table_remove(unseen, name);
	}
}

/* Two models share a host, so which image is which is known without a mark: asked here by hand. */
static void
ask_for_marks(Rig *rig)
{
	const PeerAddress address = { .host = (char *)"127.0.0.1",
				      .port = splice_proxy_get_port(rig->proxy),
				      .insecure = TRUE };
	g_autoptr(GError) error = NULL;
	g_autoptr(Peer) peer = peer_connect(&address, NULL, NULL, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	g_autofree char *session = g_uuid_string_random();
	JsonObject *survey = json_object_new();
	json_object_set_string_member(survey, "session", session);
	json_object_set_string_member(survey, "vm", "web1");
	json_object_set_boolean_member(survey, "check", TRUE);
	json_object_set_array_member(survey, "vgpus", json_array_new());
	g_autoptr(JsonObject) surveyed =
		control_conn_call(peer->conn, CONTROL_SURVEY, survey, CALL_MS, NULL, &error);
	TEST_NO_ERROR(error);
	JsonObject *look = json_object_new();
	json_object_set_object_member(look, "marks", json_object_new());
	g_autoptr(JsonObject) looked =
		control_conn_call(peer->conn, CONTROL_LOOK, look, CALL_MS, NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL(looked);
}

static void
run_row(Promises *promises, GHashTable *unseen, const RigCase *row)
{
	Rig rig;
	rig_begin(&rig, row);
	rig_await_report(&rig);
	if ((row->flags & RIG_CHECK_ONLY) != 0)
		ask_for_marks(&rig);
	rig_end_agent(&rig);
	g_auto(GStrv) lines = splice_proxy_get_lines(rig.proxy);
	check_lines(promises, unseen, lines);
	rig_clear(&rig);
}

static const RigCase rows[] = {
	{ .name = "only checked", .flags = RIG_PROXY | RIG_CHECK_ONLY },
	{ .name = "all goes well", .flags = RIG_PROXY },
	{ .name = "the answer to the commit is lost", .flags = RIG_TRAP_ANSWER },
	{ .name = "the commit is lost", .flags = RIG_TRAP_COMMIT },
	{ .name = "the destination refuses",
	  .flags = RIG_PROXY,
	  .destination = "--on 'cont=fail:not today'" },
	{ .name = "the destination cannot load",
	  .flags = RIG_PROXY,
	  .destination = "--on 'migrate-incoming=fail:not today'" },
	{ .name = "hooks", .flags = RIG_PROXY, .when = "agent:load" },
	{ .name = "a status that cannot be asked",
	  .flags = RIG_PROXY,
	  .destination = "--on 'query-status#5=fail:not today'" },
	{ .name = "the destination dies",
	  .flags = RIG_PROXY,
	  .when = "event:active",
	  .act = RIG_KILL_DESTINATION },
};

static void
messages_have_the_members_that_are_promised(void)
{
	g_autoptr(GHashTable) promises = read_promises();
	g_autoptr(GHashTable) unseen = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	gpointer name;
	g_hash_table_iter_init(&iter, promises);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_hash_table_add(unseen, name);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		run_row(promises, unseen, &rows[i]);
	g_hash_table_iter_init(&iter, unseen);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		printf("    '%s' did not cross the wire\n", (char *)name);
		CU_FAIL("a message that is promised");
	}
}

CU_TestInfo suite_session_words[] = {
	{ "messages have the members that are promised",
	  messages_have_the_members_that_are_promised },
	CU_TEST_INFO_NULL,
};
