/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several commands whose answers are awaited together. QmpClient sends QEMU only a few of them at a
 * time and keeps the others in its queue. Each command has the client's own time-out.
 */
#include "qmp/qmp-batch.h"

#include "qmp/await.h"

typedef struct {
	QmpBatch *batch; /* NULL once the batch was freed */
	JsonNode *reply; /* (owned) (nullable) */
	GError *error;	 /* (owned) (nullable) */
	gboolean answered;
} Question;

struct QmpBatch {
	QmpClient *client;
	GPtrArray *questions; /* of Question */
	guint n_answered;
};

static void
question_free(Question *self)
{
	g_clear_pointer(&self->reply, json_node_unref);
	g_clear_error(&self->error);
	g_free(self);
}

QmpBatch *
qmp_batch_new(QmpClient *client)
{
	QmpBatch *self = g_new0(QmpBatch, 1);

	self->client = g_object_ref(client);
	self->questions = g_ptr_array_new();
	return self;
}

void
qmp_batch_free(QmpBatch *self)
{
	if (self == NULL)
		return;
	for (guint i = 0; i < self->questions->len; i++) {
		Question *question = g_ptr_array_index(self->questions, i);
		if (question->answered)
			question_free(question);
		else
			question->batch = NULL; /* on_answered() frees it */
	}
	g_ptr_array_unref(self->questions);
	g_object_unref(self->client);
	g_free(self);
}

static void
on_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	Question *question = data;

	question->reply = qmp_client_execute_finish(QMP_CLIENT(source), result, &question->error);
	question->answered = TRUE;
	if (question->batch != NULL)
		question->batch->n_answered++;
	else
		question_free(question);
}

guint
qmp_batch_add(QmpBatch *self, const char *command, JsonNode *arguments)
{
	Question *question = g_new0(Question, 1);

	question->batch = self;
	g_ptr_array_add(self->questions, question);
	qmp_client_execute_async(self->client, command, arguments, NULL, NULL, on_answered,
				 question);
	return self->questions->len - 1;
}

static gboolean
all_answered(gpointer data)
{
	QmpBatch *self = data;

	return self->n_answered == self->questions->len;
}

void
qmp_batch_wait(QmpBatch *self)
{
	/* Each question ends by itself, by its time-out at the latest. So this wait ends too and
	 * cannot fail. */
	if (!await_until(all_answered, self, -1, NULL, NULL))
		g_assert_not_reached();
}

JsonNode *
qmp_batch_get(QmpBatch *self, guint index, GError **error)
{
	Question *question = g_ptr_array_index(self->questions, index);

	g_return_val_if_fail(question->answered, NULL);
	if (question->error != NULL)
		g_propagate_error(error, g_error_copy(question->error));
	return question->reply;
}
