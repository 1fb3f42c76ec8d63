/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Decides which data connections belong to a session. A token of 128 random bits opens exactly the
 * channels of the plan, each index once, until they are taken. Some connections have the token and
 * are still rejected, like one with a wrong token: a second one with the same index, one with an
 * index beyond the last, and one that comes too late.
 */
#include "engine/channel/channel-set.h"

#include <openssl/crypto.h>
#include <sys/random.h>
#include <unistd.h>

#include "engine/gw-error.h"

static void
close_fd(gpointer data)
{
	int fd = *(int *)data;
	if (fd >= 0)
		close(fd);
}

GArray *
channel_fds_new(void)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_set_clear_func(fds, close_fd);
	return fds;
}

void
channel_set_clear(ChannelSet *self)
{
	g_clear_pointer(&self->fds, g_array_unref);
	*self = (ChannelSet){ 0 };
}

gboolean
channel_set_open(ChannelSet *self, guint n, GError **error)
{
	static const int none = -1;
	channel_set_clear(self);
	if (getrandom(self->token, sizeof self->token, 0) != sizeof self->token) {
		g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
			    "the system has no random numbers for a token");
		return FALSE;
	}
	self->fds = channel_fds_new();
	for (guint i = 0; i < n; i++)
		g_array_append_val(self->fds, none);
	self->n_missing = n;
	self->is_open = TRUE;
	return TRUE;
}

/* Compares in constant time, so that an attacker cannot find the token byte by byte. */
static gboolean
is_token(const ChannelSet *self, const guint8 token[CONTROL_TOKEN_BYTES])
{
	return CRYPTO_memcmp(self->token, token, CONTROL_TOKEN_BYTES) == 0;
}

gboolean
channel_set_expects(const ChannelSet *self, const char *pass)
{
	if (!self->is_open || self->n_missing == 0)
		return FALSE;
	g_autofree char *wanted = control_token_proof(self->token);
	return g_str_equal(wanted, pass);
}

gboolean
channel_set_put(ChannelSet *self, const ControlPreamble *preamble, int fd)
{
	if (!self->is_open || !is_token(self, preamble->token) || preamble->index >= self->fds->len)
		return FALSE;
	int *place = &g_array_index(self->fds, int, preamble->index);
	if (*place >= 0)
		return FALSE;
	*place = fd;
	self->n_missing--;
	return TRUE;
}

gboolean
channel_set_is_complete(const ChannelSet *self)
{
	return self->is_open && self->n_missing == 0;
}

GArray *
channel_set_take(ChannelSet *self)
{
	self->is_open = FALSE;
	return g_steal_pointer(&self->fds);
}
