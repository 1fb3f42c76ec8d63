/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who owns a VM: a small state machine for each VM and host, and its JSON.
 *
 * A journal tells what one session did, and goes when that is settled. This record tells where the
 * VM belongs, and stays: no age, no clock and no message removes it. Three answers rest on it:
 * - `godwit run` starts nothing that was handed over;
 * - an agent that is asked about a session says "running" for each that was committed here, however
 *   long ago;
 * - it says "gone" only because a commit that is not in @taken never came: the record says
 *   RECEIVING, on the disk, before any commit can come.
 *
 * What a confirmed session has left in @taken may be dropped after many others. A record that has
 * dropped any says so: it cannot prove "gone" any more. What is not confirmed stays.
 */
#include "engine/record/ownership.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/util/json-fields.h"

#define MAX_TAKEN     4096
#define MAX_CONFIRMED 1024 /* of them are kept */

const JsonLimits ownership_limits = {
	.bytes = 1024 * 1024,
	.string_bytes = FIELDS_TEXT_BYTES,
	.heap_bytes = 16 * 1024 * 1024,
	.depth = 4,
};

/* For the table below. */
enum {
	NOT_KNOWN = OWNERSHIP_NOT_KNOWN,
	HERE = OWNERSHIP_HERE,
	RECEIVING = OWNERSHIP_RECEIVING,
	HANDING_OVER = OWNERSHIP_HANDING_OVER,
	THERE = OWNERSHIP_THERE,
	NOWHERE = OWNERSHIP_NOWHERE,
	BEFORE = OWNERSHIP_NOT_KNOWN,
	NO = N_OWNERSHIP_PLACES,
};

/* From the row's place, by the column's event. UNDO leads to the place before, which
 * ownership_apply() knows. */
static const guint8 table[N_OWNERSHIP_PLACES][N_OWNERSHIP_EVENTS] = {
	/* clang-format off */
	/*                   RUN   RECEIVE    TAKE  SEND          GIVE   UNDO    LOSE */
	[NOT_KNOWN]      = { HERE, RECEIVING, NO,   HANDING_OVER, NO,    NO,     NO },
	[HERE]           = { HERE, RECEIVING, NO,   HANDING_OVER, NO,    NO,     NO },
	[RECEIVING]      = { NO,   NO,        HERE, NO,           NO,    BEFORE, NOWHERE },
	[HANDING_OVER]   = { NO,   NO,        NO,   NO,           THERE, BEFORE, NOWHERE },
	[THERE]          = { HERE, RECEIVING, NO,   HANDING_OVER, NO,    NO,     NO },
	[NOWHERE]        = { HERE, RECEIVING, NO,   HANDING_OVER, NO,    NO,     NO },
	/* clang-format on */
};

static const char *const place_words[N_OWNERSHIP_PLACES] = {
	[OWNERSHIP_NOT_KNOWN] = "not-known", [OWNERSHIP_HERE] = "here",
	[OWNERSHIP_RECEIVING] = "receiving", [OWNERSHIP_HANDING_OVER] = "handing-over",
	[OWNERSHIP_THERE] = "there",	     [OWNERSHIP_NOWHERE] = "nowhere",
};

static const char *const event_words[N_OWNERSHIP_EVENTS] = {
	[OWNERSHIP_RUN] = "run",   [OWNERSHIP_RECEIVE] = "receive", [OWNERSHIP_TAKE] = "take",
	[OWNERSHIP_SEND] = "send", [OWNERSHIP_GIVE] = "give",	    [OWNERSHIP_UNDO] = "undo",
	[OWNERSHIP_LOSE] = "lose",
};

const char *
ownership_place_to_string(OwnershipPlace place)
{
	return place_words[place];
}

const char *
ownership_event_to_string(OwnershipEvent event)
{
	return event_words[event];
}

static void
state_clear(OwnershipState *self)
{
	g_free(self->session);
	g_free(self->peer.host);
	g_free(self->peer.subject);
	g_free(self->peer.agent);
	g_free(self->peer.token);
	g_free(self->peer.tls_dir);
	g_free(self->peer.tls_hostname);
	*self = (OwnershipState){ 0 };
}

static OwnershipPeer
peer_copy(const OwnershipPeer *peer)
{
	return (OwnershipPeer){
		.host = g_strdup(peer->host),
		.port = peer->port,
		.subject = g_strdup(peer->subject),
		.agent = g_strdup(peer->agent),
		.token = g_strdup(peer->token),
		.tls_dir = g_strdup(peer->tls_dir),
		.tls_hostname = g_strdup(peer->tls_hostname),
		.insecure = peer->insecure,
	};
}

/* Moves @from into @self. */
static void
state_take(OwnershipState *self, OwnershipState *from)
{
	state_clear(self);
	*self = *from;
	*from = (OwnershipState){ 0 };
}

static void
taken_free(OwnershipTaken *self)
{
	g_free(self->session);
	g_free(self->token);
	g_free(self->subject);
	g_free(self);
}

Ownership *
ownership_new(const char *vm_name)
{
	Ownership *self = g_new0(Ownership, 1);
	self->vm_name = g_strdup(vm_name);
	self->taken = g_ptr_array_new_with_free_func((GDestroyNotify)taken_free);
	return self;
}

void
ownership_free(Ownership *self)
{
	if (self == NULL)
		return;
	state_clear(&self->now);
	state_clear(&self->before);
	g_ptr_array_unref(self->taken);
	g_free(self->boot_id);
	g_free(self->qmp_path);
	g_free(self->vm_name);
	g_free(self);
}

const char *
ownership_choose_name(const char *vm_name, const char *qmp_path)
{
	return vm_name != NULL && *vm_name != '\0' ? vm_name : qmp_path;
}

gboolean
ownership_next(OwnershipPlace from, OwnershipEvent event, OwnershipPlace *ret_to)
{
	if (table[from][event] == NO)
		return FALSE;
	*ret_to = table[from][event];
	return TRUE;
}

static gboolean
is_open(OwnershipPlace place)
{
	return place == OWNERSHIP_RECEIVING || place == OWNERSHIP_HANDING_OVER;
}

gboolean
ownership_is_open(const Ownership *self)
{
	return is_open(self->now.place);
}

gboolean
ownership_apply(Ownership *self, OwnershipEvent event, const char *session,
		const OwnershipPeer *peer, gint64 now_s, GError **error)
{
	OwnershipPlace to;
	gboolean is_theirs = is_open(self->now.place) && g_strcmp0(self->now.session, session) != 0;
	if (is_theirs || !ownership_next(self->now.place, event, &to)) {
		g_autofree char *what = ownership_describe(self);
		g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN, "'%s' %s", self->vm_name, what);
		return FALSE;
	}
	if (event == OWNERSHIP_UNDO) {
		state_take(&self->now, &self->before);
		return TRUE;
	}
	OwnershipState next = { .place = to, .session = g_strdup(session), .since_s = now_s };
	if (peer != NULL)
		next.peer = peer_copy(peer);
	if (is_open(to))
		state_take(&self->before, &self->now);
	else
		state_clear(&self->before);
	state_take(&self->now, &next);
	return TRUE;
}

OwnershipTaken *
ownership_find_taken(const Ownership *self, const char *session)
{
	for (guint i = 0; i < self->taken->len; i++) {
		OwnershipTaken *taken = g_ptr_array_index(self->taken, i);
		if (g_strcmp0(taken->session, session) == 0)
			return taken;
	}
	return NULL;
}

/* Is @session the last that was to come here, and not known to have come? */
static gboolean
is_open_or_lost(const Ownership *self, const char *session)
{
	return (self->now.place == OWNERSHIP_RECEIVING || self->now.place == OWNERSHIP_NOWHERE) &&
	       g_strcmp0(self->now.session, session) == 0;
}

gboolean
ownership_has_session(const Ownership *self, const char *session)
{
	return ownership_find_taken(self, session) != NULL || is_open_or_lost(self, session);
}

void
ownership_find_proof(const Ownership *self, const char *session, const char **ret_token,
		     const char **ret_subject)
{
	const OwnershipTaken *taken = ownership_find_taken(self, session);
	*ret_token = *ret_subject = NULL;
	if (taken != NULL) {
		*ret_token = taken->token;
		*ret_subject = taken->subject;
	} else if (is_open_or_lost(self, session)) {
		*ret_token = self->now.peer.token;
		*ret_subject = self->now.peer.subject;
	}
}

OwnershipTaken *
ownership_add_taken(Ownership *self, const char *session, const char *token, const char *subject)
{
	OwnershipTaken *taken = ownership_find_taken(self, session);
	if (taken != NULL)
		return taken;
	taken = g_new0(OwnershipTaken, 1);
	taken->session = g_strdup(session);
	taken->token = g_strdup(token);
	taken->subject = g_strdup(subject);
	g_ptr_array_add(self->taken, taken);
	return taken;
}

/* Drops the oldest that are confirmed. */
static void
drop_confirmed(Ownership *self)
{
	guint n_confirmed = 0;
	for (guint i = self->taken->len; i > 0; i--) {
		const OwnershipTaken *taken = g_ptr_array_index(self->taken, i - 1);
		if (!taken->confirmed || ++n_confirmed <= MAX_CONFIRMED)
			continue;
		g_ptr_array_remove_index(self->taken, i - 1);
		self->has_dropped = TRUE;
	}
}

void
ownership_confirm(Ownership *self, const char *session)
{
	OwnershipTaken *taken = ownership_find_taken(self, session);
	if (taken != NULL)
		taken->confirmed = TRUE;
	if (g_strcmp0(self->now.session, session) == 0)
		self->now.confirmed = TRUE;
	drop_confirmed(self);
}

static const char *const sentences[N_OWNERSHIP_PLACES] = {
	[OWNERSHIP_NOT_KNOWN] = "is not known on this host",
	[OWNERSHIP_HERE] = "belongs to this host",
	[OWNERSHIP_RECEIVING] = "may have come to this host",
	[OWNERSHIP_HANDING_OVER] = "may have been handed over",
	[OWNERSHIP_THERE] = "was handed over",
	[OWNERSHIP_NOWHERE] = "runs nowhere: its QEMUs on both hosts have died",
};

char *
ownership_describe(const Ownership *self)
{
	const OwnershipState *now = &self->now;
	GString *text = g_string_new(sentences[now->place]);
	if (now->peer.host != NULL)
		g_string_append_printf(text, "%s %s",
				       now->place == OWNERSHIP_HERE ||
						       now->place == OWNERSHIP_RECEIVING
					       ? ", from"
					       : " to",
				       now->peer.host);
	if (now->since_s > 0) {
		g_autoptr(GDateTime) since = g_date_time_new_from_unix_utc(now->since_s);
		g_autofree char *date =
			since != NULL ? g_date_time_format(since, "%F %H:%M UTC") : NULL;
		g_string_append_printf(text, ", on %s", date != NULL ? date : "an unknown day");
	}
	if (now->session != NULL)
		g_string_append_printf(text, ", by session %s", now->session);
	return g_string_free(text, FALSE);
}

const char *
ownership_describe_remedy(const Ownership *self)
{
	if (self->now.place == OWNERSHIP_HANDING_OVER)
		return ", and that is not settled: 'godwit recover' asks that host";
	return self->now.place == OWNERSHIP_RECEIVING
		       ? ", and that is not settled: 'godwit recover' settles it"
		       : NULL;
}

static JsonNode *
state_to_node(const OwnershipState *self)
{
	JsonObject *object = json_object_new();
	json_object_set_string_member(object, "place", place_words[self->place]);
	fields_add_string(object, "session", self->session);
	fields_add_string(object, "peer_host", self->peer.host);
	if (self->peer.port != 0)
		json_object_set_int_member(object, "peer_port", self->peer.port);
	fields_add_string(object, "peer_subject", self->peer.subject);
	fields_add_string(object, "peer_agent", self->peer.agent);
	fields_add_string(object, "peer_token", self->peer.token);
	fields_add_string(object, "peer_tls_dir", self->peer.tls_dir);
	fields_add_string(object, "peer_tls_hostname", self->peer.tls_hostname);
	if (self->peer.insecure)
		json_object_set_boolean_member(object, "peer_insecure", TRUE);
	if (self->since_s > 0)
		json_object_set_int_member(object, "since_s", self->since_s);
	if (self->confirmed)
		json_object_set_boolean_member(object, "confirmed", TRUE);
	return fields_node(object);
}

static JsonNode *
taken_to_node(const OwnershipTaken *self)
{
	JsonObject *object = json_object_new();
	json_object_set_string_member(object, "session", self->session);
	fields_add_string(object, "token", self->token);
	fields_add_string(object, "subject", self->subject);
	if (self->confirmed)
		json_object_set_boolean_member(object, "confirmed", TRUE);
	if (self->lost)
		json_object_set_boolean_member(object, "lost", TRUE);
	return fields_node(object);
}

char *
ownership_to_json(const Ownership *self)
{
	JsonObject *object = json_object_new();
	JsonArray *taken = json_array_new();
	for (guint i = 0; i < self->taken->len; i++)
		json_array_add_element(taken, taken_to_node(g_ptr_array_index(self->taken, i)));
	json_object_set_string_member(object, "vm", self->vm_name);
	fields_add_string(object, "boot_id", self->boot_id);
	fields_add_string(object, "qmp", self->qmp_path);
	json_object_set_member(object, "now", state_to_node(&self->now));
	if (is_open(self->now.place))
		json_object_set_member(object, "before", state_to_node(&self->before));
	json_object_set_array_member(object, "taken", taken);
	json_object_set_boolean_member(object, "has_dropped", self->has_dropped);
	return fields_take_text(fields_node(object), TRUE);
}

static OwnershipPlace
read_place(Fields *fields)
{
	g_autofree char *word = fields_string(fields, "place", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	for (guint i = 0; i < N_OWNERSHIP_PLACES; i++)
		if (g_strcmp0(word, place_words[i]) == 0)
			return (OwnershipPlace)i;
	if (word != NULL)
		fields_fail(fields, "place", "is an unknown place");
	return OWNERSHIP_NOT_KNOWN;
}

static void
read_state(Fields *outer, const char *name, FieldsNeed need, OwnershipState *self)
{
	Fields fields;
	JsonNode *node = fields_object(outer, name, need);
	if (node == NULL)
		return;
	fields_init(&fields, node, name);
	self->place = read_place(&fields);
	self->session = fields_string(&fields, "session", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->peer.host = fields_string(&fields, "peer_host", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->peer.port =
		(guint16)CLAMP(fields_count(&fields, "peer_port", FIELDS_OPTIONAL), 0, G_MAXUINT16);
	self->peer.subject =
		fields_string(&fields, "peer_subject", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	self->peer.agent = fields_string(&fields, "peer_agent", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->peer.token = fields_string(&fields, "peer_token", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->peer.tls_dir =
		fields_string(&fields, "peer_tls_dir", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	self->peer.tls_hostname =
		fields_string(&fields, "peer_tls_hostname", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->peer.insecure = fields_boolean(&fields, "peer_insecure", FIELDS_OPTIONAL);
	self->since_s = MAX(fields_count(&fields, "since_s", FIELDS_OPTIONAL), 0);
	self->confirmed = fields_boolean(&fields, "confirmed", FIELDS_OPTIONAL);
	(void)!fields_end_inner(&fields, outer);
}

static void
read_taken(Fields *outer, Ownership *self)
{
	JsonArray *array = fields_array(outer, "taken", FIELDS_REQUIRED, MAX_TAKEN);
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		Fields fields;
		fields_init(&fields, json_array_get_element(array, i), "taken");
		OwnershipTaken *taken = g_new0(OwnershipTaken, 1);
		taken->session =
			fields_string(&fields, "session", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
		taken->token = fields_string(&fields, "token", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
		taken->subject =
			fields_string(&fields, "subject", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
		taken->confirmed = fields_boolean(&fields, "confirmed", FIELDS_OPTIONAL);
		taken->lost = fields_boolean(&fields, "lost", FIELDS_OPTIONAL);
		g_ptr_array_add(self->taken, taken);
		if (!fields_end_inner(&fields, outer))
			return;
	}
}

Ownership *
ownership_from_json(const char *text, gsize len, const char *vm_name, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(JsonNode) node = parse_object(text, len, &ownership_limits, &cause);
	g_autoptr(Ownership) self = ownership_new(vm_name);
	Fields fields;
	if (node == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s", cause->message);
		return NULL;
	}
	fields_init(&fields, node, "ownership record");
	g_autofree char *name = fields_string(&fields, "vm", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	if (name != NULL && strcmp(name, vm_name) != 0)
		fields_fail(&fields, "vm", "names another VM");
	self->boot_id = fields_string(&fields, "boot_id", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	self->qmp_path = fields_string(&fields, "qmp", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	read_state(&fields, "now", FIELDS_REQUIRED, &self->now);
	read_state(&fields, "before", FIELDS_OPTIONAL, &self->before);
	read_taken(&fields, self);
	self->has_dropped = fields_boolean(&fields, "has_dropped", FIELDS_OPTIONAL);
	if (fields_end(&fields, &cause))
		return g_steal_pointer(&self);
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s", cause->message);
	return NULL;
}
