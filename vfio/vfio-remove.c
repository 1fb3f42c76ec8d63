/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removes a vGPU, within a given time.
 *
 * The write may block in the kernel while any program has the vGPU open, so it runs in a separate
 * process, see vfio-apart.c. Then we wait until the vGPU's folder disappears. We also wait when
 * another program turns out to be removing the vGPU (some NVIDIA drivers remove it by themselves
 * when the VM ends).
 */
#include "vfio/vfio-remove.h"

#include "vfio/vfio-apart.h"
#include "vfio/vfio-backend.h"

#define POLL_US	 (20 * 1000)
#define RETRY_US (200 * 1000)

typedef struct {
	const VfioHost *host;
	const VfioBackend *backend;
	const char *id;
	gint64 timeout_us;
	gint64 deadline_us;
} Removal;

static gboolean
wait_gone(const Removal *self)
{
	while (!self->backend->is_gone(self->host->sysfs, self->id)) {
		if (g_get_monotonic_time() >= self->deadline_us)
			return FALSE;
		g_usleep(POLL_US);
	}
	return TRUE;
}

/* Each of these sets @error and returns -1. */
static int
fail_in_use(const Removal *self, GError **error)
{
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_BUSY,
		    "remove '%s': a program, its QEMU most likely, still has it open after %.1f s: "
		    "end that program, and the kernel removes it by itself",
		    self->id, (double)self->timeout_us / G_TIME_SPAN_SECOND);
	return -1;
}

static int
fail_lingers(const Removal *self, GError **error)
{
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_BUSY,
		    "remove '%s': its removal has begun, but it still exists after %.1f s: end the "
		    "program that has it open; if it never disappears, reload the vendor's driver",
		    self->id, (double)self->timeout_us / G_TIME_SPAN_SECOND);
	return -1;
}

static int
fail_errno(const Removal *self, int number, GError **error)
{
	g_autofree char *subject = g_strdup_printf("remove '%s'", self->id);
	vfio_error_set_errno(error, self->backend->remove_rows, number, subject);
	return -1;
}

static int
fail_lost(const Removal *self, int number, GError **error)
{
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS,
		    "remove '%s': the process for it did not start or was killed: %s", self->id,
		    g_strerror(number));
	return -1;
}

/* Writes once. @before: the result of the previous write. Returns 0, or an errno that is worth
 * another try; -1 with @error. */
static int
remove_once(const Removal *self, int before, GError **error)
{
	g_autofree char *folder = self->backend->device_folder(self->id);
	int number = 0;
	VfioApart apart =
		vfio_apart_write(self->host->sysfs, folder, self->backend->remove_attribute,
				 self->backend->remove_text, self->deadline_us, &number);
	if (apart == VFIO_APART_STUCK)
		return before != 0 ? fail_errno(self, before, error) : fail_in_use(self, error);
	if (apart == VFIO_APART_LOST)
		return fail_lost(self, number, error);
	const VfioErrnoRow *row = vfio_backend_find_row(self->backend->remove_rows, number);
	if (number == 0 || (row != NULL && row->code == VFIO_ERROR_NOT_FOUND))
		return wait_gone(self) ? 0 : fail_lingers(self, error);
	if (row != NULL && row->code == VFIO_ERROR_BUSY)
		return number;
	return fail_errno(self, number, error);
}

static gboolean
remove_by_deadline(const Removal *self, GError **error)
{
	for (int number = 0;;) {
		if (self->backend->is_gone(self->host->sysfs, self->id))
			return TRUE;
		number = remove_once(self, number, error);
		if (number <= 0)
			return number == 0;
		if (g_get_monotonic_time() + RETRY_US >= self->deadline_us)
			return fail_errno(self, number, error) == 0;
		g_usleep(RETRY_US);
	}
}

gboolean
vfio_device_remove(const VfioHost *host, const char *id, gint64 timeout_us, GError **error)
{
	g_autofree char *wanted = vfio_id_normalize(id);
	if (wanted == NULL) {
		g_autofree char *quote = vfio_error_quote(id);
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "remove '%s': it is neither a UUID nor a PCI address", quote);
		return FALSE;
	}
	const Removal removal = { host, vfio_backend_for_id(wanted), wanted, timeout_us,
				  g_get_monotonic_time() + timeout_us };
	return remove_by_deadline(&removal, error);
}

typedef struct {
	VfioHost *host;
	char *id;
	gint64 timeout_us;
} Asked;

static void
asked_free(gpointer data)
{
	Asked *self = data;
	vfio_host_unref(self->host);
	g_free(self->id);
	g_free(self);
}

static void
remove_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const Asked *asked = data;
	GError *error = NULL;
	if (vfio_device_remove(asked->host, asked->id, asked->timeout_us, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

void
vfio_device_remove_async(VfioHost *host, const char *id, gint64 timeout_us,
			 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	g_task_set_source_tag(task, vfio_device_remove_async);
	g_task_set_name(task, "vfio_device_remove_async");
	Asked *asked = g_new0(Asked, 1);
	asked->host = vfio_host_ref(host);
	asked->id = g_strdup(id);
	asked->timeout_us = timeout_us;
	g_task_set_task_data(task, asked, asked_free);
	g_task_set_return_on_cancel(task, TRUE);
	g_task_run_in_thread(task, remove_in_thread);
}

gboolean
vfio_device_remove_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
