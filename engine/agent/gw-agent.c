/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The agent: one listening port for control connections and data channels. A daemon also settles
 * what dead controllers have left on this host. agent-connections.c has the threads of the
 * connections.
 *
 * No peer is trusted: acceptor.c tells by the first bytes what a connection is, and only a token
 * that a run gave to its source opens a channel.
 */
#include "engine/gw-agent.h"

#include "engine/agent/agent-connections.h"
#include "engine/util/descriptors.h"
#include "engine/util/rate-limit.h"
#include "engine/gw-error.h"
#include "engine/gw-recover.h"
#include "engine/gw-session.h"
#include "engine/agent/acceptor.h"
#include "engine/control/net.h"
#include "qmp/source-util.h"
#include "engine/record/state-dir.h"

#define LISTEN_BACKLOG	  1024 /* the kernel drops every new connection while it is full */
#define ACCEPT_AT_ONCE	  32
#define RESERVED	  16 /* descriptors for what the sessions do next */
#define PAUSE_MS	  1000
#define NOTICES_PER_S	  10
#define NOTICES_BURST	  50
#define RECOVER_PERIOD_MS 2000

struct _GwAgent {
	GObject parent_instance;
	AgentConfig config;
	char *listen;
	gboolean recover;

	GMainContext *context;
	char *address;
	GSocket *socket;
	GSource *port_watch;	/* (nullable): not while accepting is paused */
	GSource *pause_end;	/* (nullable): only while accepting is paused */
	GSource *recover_timer; /* (nullable) */
	gboolean recovering;
	char *tls_dir; /* (nullable) */
	GStrv allowed; /* (nullable) */
	TlsCreds *tls; /* (nullable) */
	TlsPumps *pumps;
	AcceptorSet *acceptors;
	RateLimiter *notices;
	guint n_untold; /* rejections since the last notice of one */

	AgentConnections *connections;
	GTask *stopping; /* (nullable) */
};

G_DEFINE_FINAL_TYPE(GwAgent, gw_agent, G_TYPE_OBJECT)

enum {
	SIGNAL_EVENT,
	SIGNAL_SESSION_ENDED,
	N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
gw_agent_finalize(GObject *object)
{
	GwAgent *self = GW_AGENT(object);
	source_end(&self->port_watch);
	source_end(&self->pause_end);
	source_end(&self->recover_timer);
	g_clear_object(&self->socket);
	acceptor_set_free(self->acceptors);
	rate_limiter_free(self->notices);
	tls_pumps_free(self->pumps);
	tls_creds_unref(self->tls);
	g_strfreev(self->allowed);
	g_free(self->tls_dir);
	agent_connections_free(self->connections);
	g_free(self->config.vm_dir);
	g_free(self->config.vm_file);
	g_free(self->config.qmp_path);
	g_free(self->config.state_dir);
	g_free(self->config.hook);
	g_free(self->config.agent_id);
	g_free(self->listen);
	g_free(self->address);
	g_clear_pointer(&self->context, g_main_context_unref);
	G_OBJECT_CLASS(gw_agent_parent_class)->finalize(object);
}

static void
gw_agent_class_init(GwAgentClass *klass)
{
	G_OBJECT_CLASS(klass)->finalize = gw_agent_finalize;
	GType type = G_TYPE_FROM_CLASS(klass);
	signals[SIGNAL_EVENT] = g_signal_new("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
					     G_TYPE_NONE, 2, G_TYPE_STRING, GW_TYPE_EVENT);
	signals[SIGNAL_SESSION_ENDED] =
		g_signal_new("session-ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
			     G_TYPE_NONE, 2, G_TYPE_STRING, GW_TYPE_REPORT);
}

static void
gw_agent_init(GwAgent *self)
{
	self->config.state_dir = gw_default_state_dir();
	self->listen = g_strdup("127.0.0.1");
	self->pumps = tls_pumps_new();
	self->notices = rate_limiter_new(NOTICES_PER_S, NOTICES_BURST);
}

GwAgent *
gw_agent_new(void)
{
	return g_object_new(GW_TYPE_AGENT, NULL);
}

static void
set_string(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

void
gw_agent_set_listen(GwAgent *self, const char *address)
{
	set_string(&self->listen, address);
}

void
gw_agent_set_vm_dir(GwAgent *self, const char *path)
{
	set_string(&self->config.vm_dir, path);
}

void
gw_agent_set_vm_file(GwAgent *self, const char *path)
{
	set_string(&self->config.vm_file, path);
}

void
gw_agent_set_qmp(GwAgent *self, const char *path)
{
	set_string(&self->config.qmp_path, path);
}

void
gw_agent_set_state_dir(GwAgent *self, const char *path)
{
	set_string(&self->config.state_dir, path);
}

void
gw_agent_set_insecure(GwAgent *self, gboolean insecure)
{
	self->config.insecure = insecure;
}

void
gw_agent_set_tls_dir(GwAgent *self, const char *path)
{
	set_string(&self->tls_dir, path);
}

void
gw_agent_set_tls_allow(GwAgent *self, const char *const *subjects)
{
	g_strfreev(self->allowed);
	self->allowed = g_strdupv((char **)subjects);
}

void
gw_agent_set_hook(GwAgent *self, const char *command)
{
	set_string(&self->config.hook, command);
}

void
gw_agent_set_recover(GwAgent *self, gboolean recover)
{
	self->recover = recover;
}

const char *
gw_agent_get_address(GwAgent *self)
{
	return self->address;
}

static void
finish_stop_if_idle(GwAgent *self)
{
	if (self->stopping == NULL || self->recovering ||
	    !agent_connections_is_idle(self->connections))
		return;
	g_autoptr(GTask) task = g_steal_pointer(&self->stopping);
	g_task_return_boolean(task, TRUE);
}

static void
on_connection_event(const char *vm_name, const GwEvent *event, gpointer data)
{
	g_signal_emit(data, signals[SIGNAL_EVENT], 0, vm_name, event);
}

static void
on_connection_ended(const char *vm_name, const GwReport *report, gpointer data)
{
	g_signal_emit(data, signals[SIGNAL_SESSION_ENDED], 0, vm_name, report);
}

static void
on_connections_idle(gpointer data)
{
	finish_stop_if_idle(data);
}

static void pause_accepting(gpointer data);

static const AgentConnectionsListener connections_listener = { on_connection_event,
							       on_connection_ended, pause_accepting,
							       on_connections_idle };

static gboolean
take_control(const AcceptedControl *accepted, gpointer data)
{
	return agent_connections_add(GW_AGENT(data)->connections, accepted);
}

static gboolean
take_channel(const ControlPreamble *preamble, int fd, gpointer data)
{
	return agent_connections_give_channel(GW_AGENT(data)->connections, preamble, fd);
}

static gboolean
expects_proof(const char *proof, gpointer data)
{
	return agent_connections_expect_proof(GW_AGENT(data)->connections, proof);
}

/* A flood of connections must not become a flood of events: their rate is limited, and the next
 * event tells how many were left out. */
static void
reject(const char *peer, const GError *error, gpointer data)
{
	GwAgent *self = data;
	if (!rate_limiter_take(self->notices, "", g_get_monotonic_time())) {
		self->n_untold++;
		return;
	}
	g_autofree char *more =
		self->n_untold > 0 ? g_strdup_printf(" (and %u more)", self->n_untold) : NULL;
	g_autofree char *text = g_strconcat(error->message, more, NULL);
	self->n_untold = 0;
	agent_connections_tell(self->connections, NULL, "rejected", peer, text);
}

static const AcceptorListener acceptor_listener = { take_control, take_channel, expects_proof,
						    reject };

/* What the sessions under way need, none may take. */
static void
turn_away(GwAgent *self, GSocket *socket)
{
	g_autofree char *peer = net_peer_to_string(socket);
	g_autoptr(GError) error =
		g_error_new_literal(GW_ERROR, GW_ERROR_BUSY,
				    "this agent has too few descriptors left: raise its limit "
				    "(LimitNOFILE=, ulimit -n) or try again");
	JsonObject *fields = json_object_new();
	json_object_set_object_member(fields, "error", control_error_to_object(error));
	g_autofree char *line = control_format(CONTROL_FAILED, 0, fields);
	g_socket_send_with_blocking(socket, line, strlen(line), FALSE, NULL, NULL);
	reject(peer, error, self);
}

static gboolean
on_connection(GSocket *listening, GIOCondition condition, gpointer data)
{
	GwAgent *self = data;
	guint n_free = descriptors_count_free(0);
	gboolean has_room = n_free == 0 || n_free >= RESERVED + ACCEPT_AT_ONCE;
	for (guint i = 0; i < ACCEPT_AT_ONCE; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GSocket) socket = g_socket_accept(listening, NULL, &error);
		/* Without a descriptor it would be called again at once, for ever. */
		if (socket == NULL && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
			pause_accepting(self);
		if (socket == NULL)
			break;
		if (has_room)
			acceptor_set_add(self->acceptors, socket);
		else
			turn_away(self, socket);
	}
	return G_SOURCE_CONTINUE;
}

static void
watch_port(GwAgent *self)
{
	self->port_watch = source_begin(g_socket_create_source(self->socket, G_IO_IN, NULL),
					G_SOURCE_FUNC(on_connection), self, self->context);
}

static gboolean
on_pause_end(gpointer data)
{
	GwAgent *self = data;
	source_end(&self->pause_end);
	watch_port(self);
	return G_SOURCE_REMOVE;
}

/*
 * A guest is stopped, and its own connections have been accepted. New ones can wait in the kernel's
 * queue, where they cost no processor time. The pause is short enough that a thousand connections a
 * second do not fill the queue: a full one would keep others out.
 */
static void
pause_accepting(gpointer data)
{
	GwAgent *self = data;
	if (self->port_watch == NULL)
		return;
	source_end(&self->port_watch);
	self->pause_end =
		source_begin(g_timeout_source_new(PAUSE_MS), on_pause_end, self, self->context);
}

static GSocket *
listen_at(const char *host, guint16 port, GError **error)
{
	g_autoptr(GSocketConnectable) target = g_network_address_new(host, port);
	g_autoptr(GSocketAddressEnumerator) enumerator = g_socket_connectable_enumerate(target);
	g_autoptr(GSocketAddress) address =
		g_socket_address_enumerator_next(enumerator, NULL, error);
	if (address == NULL)
		return NULL;
	g_autoptr(GSocket) socket =
		g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
			     G_SOCKET_PROTOCOL_TCP, error);
	if (socket == NULL || !g_socket_bind(socket, address, TRUE, error))
		return NULL;
	g_socket_set_listen_backlog(socket, LISTEN_BACKLOG);
	g_socket_set_blocking(socket, FALSE);
	return g_socket_listen(socket, error) ? g_steal_pointer(&socket) : NULL;
}

static gboolean
open_port(GwAgent *self, GError **error)
{
	g_autofree char *host = NULL;
	guint16 port = 0;
	if (!net_parse_address(self->listen, GW_DEFAULT_PORT, &host, &port, error))
		return FALSE;
	self->socket = listen_at(host, port, error);
	if (self->socket == NULL) {
		g_prefix_error(error, "cannot listen on '%s': ", self->listen);
		return FALSE;
	}
	g_autoptr(GSocketAddress) local = g_socket_get_local_address(self->socket, error);
	if (local == NULL)
		return FALSE;
	self->address = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(local));
	watch_port(self);
	return TRUE;
}

static void
recover_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GwAgent *self = source;
	GError *error = NULL;
	GPtrArray *results =
		gw_recover(self->config.state_dir, NULL, GW_ASSUME_NOTHING, NULL, &error);
	if (results != NULL)
		g_task_return_pointer(task, results, (GDestroyNotify)g_ptr_array_unref);
	else
		g_task_return_error(task, error);
}

static void
on_recovered(GObject *object, GAsyncResult *result, gpointer data)
{
	GwAgent *self = GW_AGENT(object);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) results = g_task_propagate_pointer(G_TASK(result), &error);
	self->recovering = FALSE;
	for (guint i = 0; results != NULL && i < results->len; i++) {
		const GwRecovered *found = g_ptr_array_index(results, i);
		if (found->acted && found->vm_name != NULL)
			agent_connections_tell(self->connections, found->vm_name, "recovered",
					       found->session, found->text);
	}
	finish_stop_if_idle(self);
}

static gboolean
on_recover(gpointer data)
{
	GwAgent *self = data;
	if (self->recovering)
		return G_SOURCE_CONTINUE;
	self->recovering = TRUE;
	g_autoptr(GTask) task = g_task_new(self, NULL, on_recovered, NULL);
	g_task_set_source_tag(task, on_recover);
	g_task_run_in_thread(task, recover_thread);
	return G_SOURCE_CONTINUE;
}

static gboolean
init_acceptor(GwAgent *self, GError **error)
{
	if (self->tls_dir != NULL) {
		self->tls = tls_creds_load(self->tls_dir, TLS_SERVER, error);
		if (self->tls == NULL)
			return FALSE;
	}
	const AcceptorConfig config = { .tls = self->tls,
					.pumps = self->pumps,
					.allowed = (const char *const *)self->allowed,
					.insecure = self->config.insecure };
	self->acceptors = acceptor_set_new(&acceptor_listener, &config, self);
	return TRUE;
}

gboolean
gw_agent_start(GwAgent *self, GError **error)
{
	g_return_val_if_fail(self->socket == NULL, FALSE);
	self->context = g_main_context_ref_thread_default();
	self->config.agent_id = state_dir_get_agent_id(self->config.state_dir, error);
	if (self->config.agent_id == NULL)
		return FALSE;
	self->connections =
		agent_connections_new(G_OBJECT(self), &self->config, &connections_listener);
	if (!init_acceptor(self, error) || !open_port(self, error))
		return FALSE;
	if (!self->recover)
		return TRUE;
	self->recover_timer = source_begin(g_timeout_source_new(RECOVER_PERIOD_MS), on_recover,
					   self, self->context);
	on_recover(self);
	return TRUE;
}

void
gw_agent_stop_async(GwAgent *self, GAsyncReadyCallback callback, gpointer data)
{
	g_return_if_fail(self->stopping == NULL);
	self->stopping = g_task_new(self, NULL, callback, data);
	g_task_set_source_tag(self->stopping, gw_agent_stop_async);
	source_end(&self->port_watch);
	source_end(&self->pause_end);
	source_end(&self->recover_timer);
	if (self->socket != NULL)
		g_socket_close(self->socket, NULL);

	g_clear_pointer(&self->acceptors, acceptor_set_free);
	agent_connections_stop(self->connections);
	finish_stop_if_idle(self);
}

void
gw_agent_stop_finish(GwAgent *self, GAsyncResult *result)
{
	gboolean stopped = g_task_propagate_boolean(G_TASK(result), NULL);
	g_warn_if_fail(stopped);
}
