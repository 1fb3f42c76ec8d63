/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts and ends the program model-qemu. Only the process that was started here is ever signalled.
 */
#include "tests/rig/model-qemu.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rig/test-util.h"

#define PATIENCE_MS 10000

struct ModelQemu {
	GPid pid; /* 0 once it was waited for */
	int wait_status;
	char *folder; /* (owned) */
	char *path;   /* (owned) */
};

/* What it says goes to a file of its own: the words of two in one would be taken for either's. */
static void
spawn(ModelQemu *self, GStrv argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *words = g_build_filename(self->folder, "stderr", NULL);
	int fd = g_open(words, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	g_spawn_async_with_fds(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &self->pid,
			       -1, -1, fd, &error);
	g_assert_no_error(error);
	close(fd);
	for (guint ms = 0; ms < PATIENCE_MS && g_access(self->path, F_OK) != 0; ms++)
		g_usleep(1000);
}

ModelQemu *
model_qemu_startv(const char *const *options)
{
	ModelQemu *self = g_new0(ModelQemu, 1);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	self->folder = test_folder_new();
	self->path = g_build_filename(self->folder, "qmp", NULL);
	g_autofree char *qmp = g_strdup_printf("unix:%s,server=on,wait=off", self->path);
	g_strv_builder_add_many(builder, TEST_MODEL_QEMU, "--die-with-parent", "-qmp", qmp, NULL);
	g_strv_builder_addv(builder, (const char **)options);
	g_auto(GStrv) argv = g_strv_builder_end(builder);
	spawn(self, argv);
	return self;
}

ModelQemu *
model_qemu_start(const char *option, ...)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	va_list values;

	va_start(values, option);
	for (; option != NULL; option = va_arg(values, const char *))
		g_strv_builder_add(builder, option);
	va_end(values);
	g_auto(GStrv) options = g_strv_builder_end(builder);
	return model_qemu_startv((const char *const *)options);
}

const char *
model_qemu_get_path(ModelQemu *self)
{
	return self->path;
}

pid_t
model_qemu_get_pid(ModelQemu *self)
{
	return self->pid;
}

/* Somebody else in this process may have waited for it: an engine under test does. */
gboolean
model_qemu_has_ended(ModelQemu *self)
{
	if (self->pid != 0 && waitpid(self->pid, &self->wait_status, WNOHANG) != 0)
		self->pid = 0;
	return self->pid == 0;
}

int
model_qemu_wait(ModelQemu *self)
{
	for (guint ms = 0; ms < PATIENCE_MS && !model_qemu_has_ended(self); ms++)
		g_usleep(1000);
	return self->pid == 0 ? self->wait_status : -1;
}

void
model_qemu_free(ModelQemu *self)
{
	if (!model_qemu_has_ended(self))
		kill(self->pid, SIGKILL);
	model_qemu_wait(self);
	test_folder_free(self->folder);
	g_free(self->path);
	g_free(self);
}
