/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An acceptor whose listener records its calls.
 */
#include "tests/rig/door.h"

#include <CUnit/CUnit.h>
#include <unistd.h>

#include "tests/rig/tcp-pair.h"
#include "tests/rig/tls-rig.h"

static const AcceptorLimits usual = { .decide_ms = 60000,
				      .costly_per_s = 32,
				      .costly_burst = 96,
				      .total_per_s = 128,
				      .total_burst = 256 };
const AcceptorLimits door_narrow = {
	.decide_ms = 60000, .costly_per_s = 0, .costly_burst = 3, .total_per_s = 0, .total_burst = 4
};
const AcceptorLimits door_hasty = { .decide_ms = 300,
				    .costly_per_s = 32,
				    .costly_burst = 96,
				    .total_per_s = 128,
				    .total_burst = 256 };

static gboolean
on_control(const AcceptedControl *accepted, gpointer data)
{
	Door *door = data;

	if (door->is_full)
		return FALSE;
	door->decided = TRUE;
	g_set_object(&door->control, accepted->socket);
	g_free(door->peer);
	door->peer = g_strdup(accepted->peer);
	g_free(door->said);
	door->said = g_strndup(accepted->said, accepted->n_said);
	g_free(door->subject);
	door->subject = g_strdup(accepted->subject);
	return TRUE;
}

static gboolean
on_channel(const ControlPreamble *preamble, int fd, gpointer data)
{
	Door *door = data;

	door->preamble = *preamble;
	if (!door->waits_for_channel)
		return FALSE;
	door->channel_fd = fd;
	door->decided = TRUE;
	return TRUE;
}

static gboolean
on_expects(const char *pass, gpointer data)
{
	return g_strcmp0(pass, ((Door *)data)->pass) == 0;
}

static void
on_rejected(const char *peer, const GError *error, gpointer data)
{
	Door *door = data;

	g_free(door->rejected);
	g_free(door->rejected_peer);
	door->rejected = g_strdup(error->message);
	door->rejected_code = error->code;
	door->rejected_peer = g_strdup(peer);
	door->n_rejected++;
	door->decided = TRUE;
}

static const AcceptorListener listener = { on_control, on_channel, on_expects, on_rejected };

void
door_open(Door *self)
{
	g_autoptr(GSocket) accepted = NULL;

	self->channel_fd = -1;
	self->config.pumps = tls_rig_pumps();
	if (self->config.limits == NULL)
		self->config.limits = &usual;
	self->set = acceptor_set_new(&listener, &self->config, self);
	tcp_pair(&self->dialled, &accepted);
	acceptor_set_add(self->set, accepted);
}

GSocket *
door_dial(Door *self, GSocket *listening)
{
	GSocket *dialled = tcp_dial(listening);
	g_autoptr(GSocket) accepted = g_socket_accept(listening, NULL, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(accepted);
	acceptor_set_add(self->set, accepted);
	return dialled;
}

void
door_clear(Door *self)
{
	acceptor_set_free(self->set);
	g_clear_object(&self->dialled);
	g_clear_object(&self->control);
	if (self->set != NULL && self->channel_fd >= 0)
		close(self->channel_fd);
	g_free(self->peer);
	g_free(self->subject);
	g_free(self->said);
	g_free(self->rejected);
	g_free(self->rejected_peer);
}
