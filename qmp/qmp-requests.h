/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* One command: first in a queue, then in flight until its reply comes. */
typedef struct {
	guint64 id;
	char *command; /* (owned): its name, for messages */
	GTask *task;   /* (owned) (nullable): the waiter; NULL when nobody waits any more */
	GSource *timeout, *cancel;  /* (owned) (nullable) */
	char *text;		    /* (owned): freed once it is written */
	gsize len, sent;	    /* bytes */
	GSocketControlMessage *fds; /* (owned) (nullable): goes with the first byte of @text */
	gboolean has_fd;	    /* still set after @fds was freed */
	gboolean oob;
} QmpRequest;

/* (transfer full) for all pointers except @command, which is copied. */
QmpRequest *qmp_request_new(guint64 id, const char *command, char *text);
void qmp_request_free(QmpRequest *self);
/* Removes the waiter with its time-out and cancel. (transfer full) (nullable) */
GTask *qmp_request_take_task(QmpRequest *self);

/* The commands of one monitor in the order in which QEMU may see them. Pure; see qmp-requests.c. */
typedef struct QmpRequests QmpRequests;

QmpRequests *qmp_requests_new(void);
void qmp_requests_free(QmpRequests *self);
/* (transfer full) */
void qmp_requests_push(QmpRequests *self, QmpRequest *request);
/* The request that may be written now; NULL when none may. (transfer none) */
QmpRequest *qmp_requests_next(QmpRequests *self);
/* @len bytes of the request from qmp_requests_next() were written. */
void qmp_requests_wrote(QmpRequests *self, gsize len);
/* The reply with @id came; NULL when no request in flight has that id. (transfer full) */
QmpRequest *qmp_requests_take(QmpRequests *self, guint64 id);
/* A reply without id came: it is for the oldest in-band command. (transfer full) (nullable) */
QmpRequest *qmp_requests_take_oldest(QmpRequests *self);
/* Nobody waits for @request any more. It is freed now if none of it was written, otherwise with its
 * reply. */
void qmp_requests_abandon(QmpRequests *self, QmpRequest *request);
/* The kernel rejected the descriptor of @request before any of it was written: its waiter gets
 * @error, (transfer full). */
void qmp_requests_refuse(QmpRequests *self, QmpRequest *request, GError *error);
/* Every waiter, oldest first, gets %QMP_ERROR_CLOSED with the text of @error; no request is
 * left. */
void qmp_requests_fail_all(QmpRequests *self, const GError *error);
