/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/tls/tls.h"

/* Folders with certificates of every kind, and a server that shakes hands in a thread of its
 * own. */

/* What is not as it should be with a host's certificates. */
typedef struct {
	const char *common_name;   /* NULL: "b" */
	const char *const *names;  /* NULL: DNS:b, IP:127.0.0.1 */
	gint64 begin_s, end_s;	   /* from now; 0, 0: an hour ago, an hour to come */
	gboolean of_other_purpose; /* the server's is a client's and the other way around */
} TlsRigHost;

/* A folder as --tls-dir takes it, in @parent, of the authority that is in @parent and called
 * @authority. Made if it is not there. (transfer full): its path. */
char *tls_rig_folder(const char *parent, const char *authority, const TlsRigHost *host);
/* Adds a list to @folder, by its authority, with its server's and client's certificates on it if
 * @revoke. */
void tls_rig_revoke(const char *parent, const char *authority, const char *folder, gboolean revoke);

typedef struct {
	int fd; /* what the server's side got; -1 */
	TlsInfo info;
	GError *error;
} TlsRigServed;

void tls_rig_served_clear(TlsRigServed *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TlsRigServed, tls_rig_served_clear);

/* Begins to shake hands on @fd, for a minute at most. */
typedef struct TlsRigServer TlsRigServer;
TlsRigServer *tls_rig_serve(TlsCreds *creds, int fd, const TlsServerPolicy *door, gpointer data);
/* Waits for its end. */
void tls_rig_finish(TlsRigServer *self, TlsRigServed *ret_served);

/* For both sides of what the running test has open; tls_rig_end() waits for all of it. */
TlsPumps *tls_rig_pumps(void);
void tls_rig_end(void);

/* The two ends of one connection over TCP, as descriptors. */
void tls_rig_pair(int *ret_dialled, int *ret_accepted);
