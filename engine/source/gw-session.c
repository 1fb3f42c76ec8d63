/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The public side of source-run.c: keeps the options, runs the migration in a thread of its own and
 * emits its signals in the caller's main context.
 */
#include "engine/gw-session.h"

#include <string.h>

#include "engine/control/net.h"
#include "engine/data/transport-kind.h"
#include "engine/source/source-run.h"
#include "engine/tls/openssl.h"
#include "engine/util/safe-file.h"

#define DEFAULT_UNSENT_BYTES (128 * 1024)

struct _GwSession {
	GObject parent_instance;
	SourceOptions options;
	GMainContext *context; /* (nullable): the caller's, from the run on */
	gboolean started;
};

G_DEFINE_FINAL_TYPE(GwSession, gw_session, G_TYPE_OBJECT)

enum {
	SIGNAL_PHASE,
	SIGNAL_SAMPLE,
	SIGNAL_EVENT,
	N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
data_path_free(gpointer data)
{
	DataPath *path = data;
	g_free(path->local);
	g_free(path->host);
	g_free(path);
}

static void
gw_session_finalize(GObject *object)
{
	GwSession *self = GW_SESSION(object);
	g_free(self->options.qmp_path);
	peer_address_clear(&self->options.peer);
	g_free(self->options.vm_name);
	g_free(self->options.state_dir);
	g_free(self->options.hook);
	g_strfreev(self->options.capabilities);
	g_strfreev(self->options.allowed);
	g_free(self->options.congestion);
	g_ptr_array_unref(self->options.data_paths);
	g_clear_pointer(&self->context, g_main_context_unref);
	G_OBJECT_CLASS(gw_session_parent_class)->finalize(object);
}

static void
gw_session_class_init(GwSessionClass *klass)
{
	G_OBJECT_CLASS(klass)->finalize = gw_session_finalize;
	GType type = G_TYPE_FROM_CLASS(klass);
	signals[SIGNAL_PHASE] = g_signal_new("phase", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
					     G_TYPE_NONE, 1, G_TYPE_STRING);
	signals[SIGNAL_SAMPLE] = g_signal_new("sample", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
					      NULL, G_TYPE_NONE, 1, GW_TYPE_SAMPLE);
	signals[SIGNAL_EVENT] = g_signal_new("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
					     G_TYPE_NONE, 1, GW_TYPE_EVENT);
}

static void
gw_session_init(GwSession *self)
{
	self->options.downtime_limit_us = 300 * 1000;
	self->options.unsent_bytes = DEFAULT_UNSENT_BYTES;
	self->options.data_paths = g_ptr_array_new_with_free_func(data_path_free);
	self->options.on_stall = GW_ON_STALL_ABORT;
	self->options.state_dir = gw_default_state_dir();
}

GwSession *
gw_session_new(const char *qmp_path, const char *host, guint16 port)
{
	g_return_val_if_fail(qmp_path != NULL && host != NULL, NULL);
	GwSession *self = g_object_new(GW_TYPE_SESSION, NULL);
	self->options.qmp_path =
		safe_file_real_path(qmp_path); /* a VM without a name is known by it */
	self->options.peer.host = g_strdup(host);
	self->options.peer.port = port != 0 ? port : GW_DEFAULT_PORT;
	return self;
}

static void
set_string(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

void
gw_session_set_vm_name(GwSession *self, const char *name)
{
	set_string(&self->options.vm_name, name);
}

void
gw_session_set_downtime_limit(GwSession *self, gint64 limit_us)
{
	self->options.downtime_limit_us = limit_us;
}

void
gw_session_set_bandwidth(GwSession *self, gint64 bytes_per_s)
{
	self->options.bandwidth_bytes_per_s = bytes_per_s;
}

void
gw_session_set_on_stall(GwSession *self, GwOnStall on_stall)
{
	self->options.on_stall = on_stall;
}

void
gw_session_set_timeout(GwSession *self, gint64 timeout_us)
{
	self->options.timeout_us = timeout_us;
}

void
gw_session_set_channels(GwSession *self, guint n)
{
	g_return_if_fail(n <= GW_MAX_CHANNELS);
	self->options.channels = n;
}

gboolean
gw_session_set_transport(GwSession *self, const char *name, GError **error)
{
	const TransportKind *kind = name != NULL ? transport_kind_find(name) : NULL;
	if (name != NULL && kind == NULL) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "there is no transport '%s'", name);
		return FALSE;
	}
	self->options.transport = kind != NULL ? kind->name : NULL;
	return TRUE;
}

void
gw_session_set_account(GwSession *self, gboolean account)
{
	self->options.account = account;
}

void
gw_session_set_switchover_bandwidth(GwSession *self, gint64 bytes_per_s)
{
	self->options.switchover_bytes_per_s = bytes_per_s;
}

static void
set_strv(GStrv *field, const char *const *value)
{
	g_strfreev(*field);
	*field = g_strdupv((char **)value);
}

void
gw_session_set_capabilities(GwSession *self, const char *const *names)
{
	set_strv(&self->options.capabilities, names);
}

void
gw_session_set_allowed(GwSession *self, const char *const *codes)
{
	set_strv(&self->options.allowed, codes);
}

void
gw_session_set_peer_timeout(GwSession *self, gint64 timeout_us)
{
	gint64 timeout_ms = timeout_us / 1000;
	self->options.peer.timeout_ms =
		(guint)CLAMP(timeout_ms, PEER_MIN_TIMEOUT_MS, PEER_MAX_TIMEOUT_MS);
}

gboolean
gw_session_add_bind(GwSession *self, const char *local, const char *host, GError **error)
{
	if (!net_check_local(local, error))
		return FALSE;
	DataPath *path = g_new0(DataPath, 1);
	path->local = g_strdup(local);
	path->host = g_strdup(host);
	g_ptr_array_add(self->options.data_paths, path);
	return TRUE;
}

gboolean
gw_session_set_congestion(GwSession *self, const char *name, GError **error)
{
	if (name != NULL && strcmp(name, NET_CONGESTION_AS_IT_IS) != 0 &&
	    !net_check_congestion(name, error))
		return FALSE;
	set_string(&self->options.congestion, name);
	return TRUE;
}

void
gw_session_set_send_queue(GwSession *self, gint64 bytes)
{
	self->options.unsent_bytes = MAX(bytes, 0);
}

void
gw_session_set_ask_devices(GwSession *self, gboolean ask)
{
	self->options.ask_devices = ask;
}

void
gw_session_set_paused(GwSession *self, gboolean paused)
{
	self->options.paused = paused;
}

void
gw_session_set_keep_source(GwSession *self, gboolean keep)
{
	self->options.keep_source = keep;
}

void
gw_session_set_insecure(GwSession *self, gboolean insecure)
{
	self->options.peer.insecure = insecure;
}

void
gw_session_set_tls_dir(GwSession *self, const char *path)
{
	/* The journal names it too, and `godwit recover` may run in another folder. */
	g_free(self->options.peer.tls_dir);
	self->options.peer.tls_dir = path != NULL ? g_canonicalize_filename(path, NULL) : NULL;
}

void
gw_session_set_tls_hostname(GwSession *self, const char *name)
{
	set_string(&self->options.peer.tls_hostname, name);
}

void
gw_session_set_state_dir(GwSession *self, const char *path)
{
	set_string(&self->options.state_dir, path);
}

void
gw_session_set_hook(GwSession *self, const char *command)
{
	set_string(&self->options.hook, command);
}

/* One signal on its way to the caller's context. Only one of the three payloads is set. */
typedef struct {
	GwSession *session;
	guint signal;
	char *phase;
	GwSample *sample;
	GwEvent *event;
} EventNotice;

static void
event_notice_free(gpointer data)
{
	EventNotice *self = data;
	g_object_unref(self->session);
	g_free(self->phase);
	gw_sample_free(self->sample);
	gw_event_free(self->event);
	g_free(self);
}

static gboolean
emit(gpointer data)
{
	EventNotice *self = data;
	gpointer payload = self->phase != NULL	  ? (gpointer)self->phase
			   : self->sample != NULL ? (gpointer)self->sample
						  : (gpointer)self->event;
	g_signal_emit(self->session, signals[self->signal], 0, payload);
	return G_SOURCE_REMOVE;
}

static EventNotice *
event_notice_new(gpointer session, guint signal)
{
	EventNotice *self = g_new0(EventNotice, 1);
	self->session = g_object_ref(session);
	self->signal = signal;
	return self;
}

static void
event_notice_send(EventNotice *self)
{
	g_main_context_invoke_full(self->session->context, G_PRIORITY_DEFAULT, emit, self,
				   event_notice_free);
}

static void
on_phase(const char *name, gpointer data)
{
	EventNotice *notice = event_notice_new(data, SIGNAL_PHASE);
	notice->phase = g_strdup(name);
	event_notice_send(notice);
}

static void
on_sample(const GwSample *sample, gpointer data)
{
	EventNotice *notice = event_notice_new(data, SIGNAL_SAMPLE);
	notice->sample = gw_sample_copy(sample);
	event_notice_send(notice);
}

static void
on_event(const GwEvent *event, gpointer data)
{
	EventNotice *notice = event_notice_new(data, SIGNAL_EVENT);
	notice->event = gw_event_copy(event);
	event_notice_send(notice);
}

static const RecorderListener listener = { on_phase, on_sample, on_event };

static gpointer
thread_main(gpointer data)
{
	g_autoptr(GTask) task = data;
	GwSession *self = g_task_get_source_object(task);
	gboolean check_only = GPOINTER_TO_INT(g_task_get_task_data(task));
	GwReport *report = source_run(&self->options, check_only, g_task_get_cancellable(task),
				      &listener, self);
	openssl_thread_done();
	g_task_return_pointer(task, report, (GDestroyNotify)gw_report_free);
	return NULL;
}

/* Nothing was begun, and nothing was looked at. @task: (transfer full) */
static void
fail_without_thread(GTask *task, const GError *error)
{
	g_autoptr(GTask) owned = task;
	GwReport *report = gw_report_new();
	report->outcome = GW_OUTCOME_FAILED;
	report->vm_runs_on = GW_PLACE_SOURCE;
	report->error_code = GW_ERROR_FAILED;
	report->error_message =
		g_strdup_printf("source: no thread for the session: %s", error->message);
	g_task_return_pointer(owned, report, (GDestroyNotify)gw_report_free);
}

static void
start(GwSession *self, gboolean check_only, GCancellable *cancellable, GAsyncReadyCallback callback,
      gpointer data, gpointer tag)
{
	g_return_if_fail(!self->started);
	self->started = TRUE;
	self->context = g_main_context_ref_thread_default();
	GTask *task = g_task_new(self, cancellable, callback, data);
	g_task_set_source_tag(task, tag);
	g_task_set_task_data(task, GINT_TO_POINTER(check_only), NULL);
	/* A cancelled run still has a report to give. */
	g_task_set_check_cancellable(task, FALSE);
	g_autoptr(GError) error = NULL;
	GThread *thread = g_thread_try_new("gw-session", thread_main, task, &error);
	if (thread != NULL)
		g_thread_unref(thread);
	else
		fail_without_thread(task, error);
}

void
gw_session_run_async(GwSession *self, GCancellable *cancellable, GAsyncReadyCallback callback,
		     gpointer data)
{
	start(self, FALSE, cancellable, callback, data, gw_session_run_async);
}

void
gw_session_check_async(GwSession *self, GCancellable *cancellable, GAsyncReadyCallback callback,
		       gpointer data)
{
	start(self, TRUE, cancellable, callback, data, gw_session_check_async);
}

GwReport *
gw_session_finish(GwSession *self, GAsyncResult *result)
{
	return g_task_propagate_pointer(G_TASK(result), NULL);
}
