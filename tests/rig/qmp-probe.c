/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes down what a QmpClient tells, so that a test can look at it afterwards.
 */
#include "tests/rig/qmp-probe.h"

#include "tests/rig/test-util.h"

QmpClient *
probe_connect(FakeQemu *qemu)
{
	g_autoptr(GError) error = NULL;
	QmpClient *client = qmp_client_connect(fake_qemu_get_path(qemu), 10000, NULL, &error);

	TEST_NO_ERROR(error);
	g_assert_nonnull(client);
	return client;
}

void
probe_end(QmpClient *client, FakeQemu *qemu)
{
	if (client != NULL) {
		qmp_client_close(client);
		g_object_unref(client);
	}
	TEST_STRING(fake_qemu_end(qemu), NULL);
}

void
probe_call_clear(ProbeCall *self)
{
	g_clear_pointer(&self->reply, json_node_unref);
	g_clear_error(&self->error);
}

static void
on_done(GObject *source, GAsyncResult *result, gpointer data)
{
	ProbeCall *self = data;

	self->times++;
	probe_call_clear(self);
	self->reply = qmp_client_execute_finish(QMP_CLIENT(source), result, &self->error);
	self->done = TRUE;
}

void
probe_start(ProbeCall *self, QmpClient *client, const char *command, const QmpExecOptions *options,
	    GCancellable *cancellable)
{
	qmp_client_execute_async(client, command, NULL, options, cancellable, on_done, self);
}

void
probe_expect_int(ProbeCall *self, gint64 value)
{
	CU_ASSERT_TRUE(test_wait(&self->done));
	CU_ASSERT_EQUAL(self->times, 1);
	TEST_NO_ERROR(self->error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(self->reply);
	CU_ASSERT_TRUE_FATAL(JSON_NODE_HOLDS_VALUE(self->reply));
	CU_ASSERT_EQUAL(json_node_get_int(self->reply), value);
}

void
probe_expect_error(ProbeCall *self, GQuark domain, int code, const char *text)
{
	CU_ASSERT_TRUE(test_wait(&self->done));
	CU_ASSERT_EQUAL(self->times, 1);
	CU_ASSERT_PTR_NULL(self->reply);
	TEST_ERROR(self->error, domain, code, text);
}

static void
on_event(QmpClient *client, const char *name, JsonObject *body, gint64 timestamp_us, gpointer data)
{
	ProbeLog *self = data;

	self->n_events++;
	self->last_timestamp_us = timestamp_us;
	if (self->text->len > 1000)
		return;
	g_string_append_printf(self->text, "%s%s", self->text->len > 0 ? " " : "", name);
	if (body != NULL && json_object_has_member(body, "status"))
		g_string_append_printf(self->text, ":%s",
				       json_object_get_string_member(body, "status"));
}

static void
on_closed(QmpClient *client, GError *error, gpointer data)
{
	ProbeLog *self = data;

	g_string_append(self->text, self->text->len > 0 ? " closed" : "closed");
	g_clear_error(&self->closed);
	self->closed = g_error_copy(error);
}

void
probe_log_init(ProbeLog *self, QmpClient *client)
{
	*self = (ProbeLog){ .text = g_string_new(NULL) };
	g_signal_connect(client, "event", G_CALLBACK(on_event), self);
	g_signal_connect(client, "closed", G_CALLBACK(on_closed), self);
}

void
probe_log_clear(ProbeLog *self)
{
	if (self->text != NULL)
		g_string_free(self->text, TRUE);
	self->text = NULL;
	g_clear_error(&self->closed);
}
