/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides which command may be written next. No socket and no clock. The way of a request:
 *
 *	waiting (in band or out of band) -> writing (at most one) -> in flight -> taken by its reply
 *
 * - A command that is partly written is finished first. Then out of band goes before in band.
 * - At most eight in-band commands are in flight: QEMU stops reading at that number, and would not
 *   see an out-of-band command behind them. Commands whose waiter gave up count too, because QEMU
 *   still has them.
 * - A command with a descriptor waits until the previous one with a descriptor is answered. QEMU
 *   keeps one received descriptor a monitor; a second one would replace it before its getfd runs.
 */
#include "qmp/qmp-requests.h"

#include "qmp/qmp-error.h"
#include "qmp/source-util.h"

#define IN_FLIGHT_MAX 8

struct QmpRequests {
	GQueue in_band;	     /* of QmpRequest (owned) */
	GQueue out_of_band;  /* of QmpRequest (owned) */
	QmpRequest *writing; /* (owned) (nullable) */
	GQueue in_flight;    /* of QmpRequest (owned), oldest first; short, see above */
};

QmpRequest *
qmp_request_new(guint64 id, const char *command, char *text)
{
	QmpRequest *self = g_new0(QmpRequest, 1);

	self->id = id;
	self->command = g_strdup(command);
	self->text = text;
	self->len = strlen(text);
	return self;
}

GTask *
qmp_request_take_task(QmpRequest *self)
{
	source_end(&self->timeout);
	source_end(&self->cancel);
	return g_steal_pointer(&self->task);
}

void
qmp_request_free(QmpRequest *self)
{
	if (self == NULL)
		return;
	GTask *task = qmp_request_take_task(self);
	g_clear_object(&task);
	g_clear_object(&self->fds);
	g_free(self->command);
	g_free(self->text);
	g_free(self);
}

QmpRequests *
qmp_requests_new(void)
{
	return g_new0(QmpRequests, 1);
}

/* Takes any request, oldest first; NULL when none is left. */
static QmpRequest *
pop(QmpRequests *self)
{
	QmpRequest *request = g_queue_pop_head(&self->in_flight);

	if (request == NULL)
		request = g_steal_pointer(&self->writing);
	if (request == NULL)
		request = g_queue_pop_head(&self->out_of_band);
	return request != NULL ? request : g_queue_pop_head(&self->in_band);
}

void
qmp_requests_free(QmpRequests *self)
{
	if (self == NULL)
		return;
	for (QmpRequest *request = NULL; (request = pop(self)) != NULL;)
		qmp_request_free(request);
	g_free(self);
}

void
qmp_requests_push(QmpRequests *self, QmpRequest *request)
{
	g_queue_push_tail(request->oob ? &self->out_of_band : &self->in_band, request);
}

static gboolean
may_write_in_band(QmpRequests *self)
{
	QmpRequest *head = g_queue_peek_head(&self->in_band);
	guint in_band = 0;
	gboolean fd_is_out = FALSE;

	if (head == NULL)
		return FALSE;
	for (GList *l = self->in_flight.head; l != NULL; l = l->next) {
		const QmpRequest *request = l->data;
		in_band += request->oob ? 0 : 1;
		fd_is_out |= request->has_fd;
	}
	return in_band < IN_FLIGHT_MAX && !(fd_is_out && head->has_fd);
}

QmpRequest *
qmp_requests_next(QmpRequests *self)
{
	if (self->writing != NULL)
		return self->writing;
	self->writing = g_queue_pop_head(&self->out_of_band);
	if (self->writing == NULL && may_write_in_band(self))
		self->writing = g_queue_pop_head(&self->in_band);
	return self->writing;
}

void
qmp_requests_wrote(QmpRequests *self, gsize len)
{
	QmpRequest *request = self->writing;

	g_return_if_fail(request != NULL && len <= request->len - request->sent);
	if (len > 0)
		g_clear_object(&request->fds);
	request->sent += len;
	if (request->sent < request->len)
		return;
	g_clear_pointer(&request->text, g_free);
	g_queue_push_tail(&self->in_flight, g_steal_pointer(&self->writing));
}

QmpRequest *
qmp_requests_take(QmpRequests *self, guint64 id)
{
	for (GList *l = self->in_flight.head; l != NULL; l = l->next) {
		QmpRequest *request = l->data;
		if (request->id != id)
			continue;
		g_queue_delete_link(&self->in_flight, l);
		return request;
	}
	return NULL;
}

QmpRequest *
qmp_requests_take_oldest(QmpRequests *self)
{
	for (GList *l = self->in_flight.head; l != NULL; l = l->next) {
		QmpRequest *request = l->data;
		if (request->oob)
			continue;
		g_queue_delete_link(&self->in_flight, l);
		return request;
	}
	return NULL;
}

void
qmp_requests_abandon(QmpRequests *self, QmpRequest *request)
{
	if (request->sent > 0)
		return;
	if (self->writing == request)
		self->writing = NULL;
	g_queue_remove(&self->in_band, request);
	g_queue_remove(&self->out_of_band, request);
	qmp_request_free(request);
}

void
qmp_requests_refuse(QmpRequests *self, QmpRequest *request, GError *error)
{
	g_autoptr(GTask) task = qmp_request_take_task(request);

	g_prefix_error(&error, "%s: send a descriptor: ", request->command);
	qmp_requests_abandon(self, request);
	if (task != NULL)
		g_task_return_error(task, error);
	else
		g_error_free(error);
}

void
qmp_requests_fail_all(QmpRequests *self, const GError *error)
{
	for (QmpRequest *request = NULL; (request = pop(self)) != NULL;) {
		g_autoptr(GTask) task = qmp_request_take_task(request);
		if (task != NULL)
			g_task_return_new_error(task, QMP_ERROR, QMP_ERROR_CLOSED, "%s: %s",
						request->command, error->message);
		qmp_request_free(request);
	}
}
