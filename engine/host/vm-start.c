/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts the QEMU that a VM file describes, and waits until its monitor answers.
 *
 * A monitor accepts one client at a time. To check that it is ready, this connects, sends one query
 * and closes: QEMU 7.2 and 10.0 both accept the next client after that. A socket file that a dead
 * QEMU left is no obstacle, because QEMU replaces it. A socket file with a listening process means
 * that the VM is running already.
 *
 * The child gets its own session, /dev/null to read, the log to write and no other descriptor of
 * ours: a journal's lock must end with its owner. While it starts we reap it; after the start the
 * caller has its pid. After a failure nothing is left running.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/gw-vm.h"
#include "engine/host/monitor-socket.h"
#include "engine/host/vm-start.h"
#include "engine/util/process.h"
#include "engine/util/safe-file.h"
#include "engine/util/scoped-context.h"
#include "qmp/qmp-machine.h"

#define LOG_VARIABLE	"GODWIT_VM_LOG"
#define START_TIMEOUT_S 120 /* guests of hundreds of GiB, all of it reserved, take so long */
#define POLL_MS		20
#define ANSWER_MS	5000
#define WORDS_BYTES	1024 /* of QEMU's own words in an error */

/* A greeting is not enough: QEMU sends it while its devices are still being made, and dies after it
 * when one of them cannot be. Commands are answered only by the main loop, which comes last. */
static gboolean
answers(const char *path)
{
	g_auto(PrivateContext) context = private_context_push();
	g_autoptr(GError) error = NULL;
	g_autoptr(QmpClient) qmp = qmp_client_connect(path, ANSWER_MS, NULL, &error);
	if (qmp == NULL)
		return FALSE;
	QmpStatus status;
	qmp_client_set_timeout(qmp, ANSWER_MS);
	gboolean answered = qmp_query_status(qmp, &status, &error);
	qmp_client_close(qmp);
	return answered;
}

/* Runs in the child between fork and exec. */
static void
set_up_child(gpointer data)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
}

/* (transfer full): what was written to @fd from @start on, its last lines on one. */
static char *
read_words(int fd, off_t start)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char bytes[WORDS_BYTES + 1];
	ssize_t n = pread(fd, bytes, WORDS_BYTES, MAX(start, end - WORDS_BYTES));
	bytes[MAX(n, 0)] = '\0';
	g_strstrip(bytes);
	if (bytes[0] == '\0')
		return g_strdup("it printed nothing");
	g_auto(GStrv) lines = g_strsplit(bytes, "\n", -1);
	g_autofree char *joined = g_strjoinv("; ", lines);
	return g_utf8_make_valid(joined, -1);
}

static char *
describe_end(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return g_strdup_printf("was killed by signal %d", WTERMSIG(wait_status));
	return g_strdup_printf("ended with status %d", WEXITSTATUS(wait_status));
}

/* Waits until the monitor answers; on failure @ret_ended says whether the child has been reaped. */
static gboolean
wait_for_monitor(const GwVm *self, GPid pid, int log_fd, off_t log_start, gboolean *ret_ended,
		 GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + START_TIMEOUT_S * G_USEC_PER_SEC;
	*ret_ended = FALSE;
	while (g_get_monotonic_time() < deadline_us) {
		int wait_status;
		if (waitpid(pid, &wait_status, WNOHANG) == pid) {
			*ret_ended = TRUE;
			g_autofree char *end = describe_end(wait_status);
			g_autofree char *words = read_words(log_fd, log_start);
			g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH, "QEMU %s while starting: %s",
				    end, words);
			return FALSE;
		}
		if (answers(self->qmp_path))
			return TRUE;
		g_usleep(POLL_MS * 1000);
	}
	g_autofree char *words = read_words(log_fd, log_start);
	g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH,
		    "QEMU's monitor did not answer at '%s' within %d s; QEMU printed: %s",
		    self->qmp_path, START_TIMEOUT_S, words);
	return FALSE;
}

/* Makes the folder of the monitor's socket: a user who can enter it controls the guest. */
static gboolean
make_socket_folder(const GwVm *self, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(self->qmp_path);
	if (g_mkdir_with_parents(folder, 0700) == 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH, "cannot make the folder '%s': %s", folder,
		    g_strerror(errno));
	return FALSE;
}

/* (transfer full): each VM of each state folder has one log: by it the VM's process is found, also
 * when the file of its monitor has been removed. */
static char *
log_entry(const char *log_path)
{
	g_autofree char *real = safe_file_real_path(log_path);
	return g_strconcat(LOG_VARIABLE "=", real, NULL);
}

char *
vm_describe_running(const GwVm *self, const char *log_path)
{
	g_auto(Process) process = PROCESS_INIT;
	g_autofree char *entry = log_entry(log_path);
	if (monitor_is_listening(self->qmp_path))
		return g_strdup_printf("a process listens at '%s'", self->qmp_path);
	if (!process_find_by_environment(&process, entry))
		return NULL;
	g_autofree char *which = process_describe(&process);
	return g_strdup_printf("%s was started for it, and lives", which);
}

/* (transfer full) */
static char *
session_entry(const char *session)
{
	return g_strconcat(VM_SESSION_VARIABLE "=", session, NULL);
}

gboolean
vm_process_is_of_session(const Process *process, const char *session)
{
	g_autofree char *entry = session_entry(session);
	return process_has_environment(process, entry);
}

gboolean
vm_find_process_of_session(Process *process, const char *session)
{
	g_autofree char *entry = session_entry(session);
	return process_find_by_environment(process, entry);
}

/* (transfer full): of the child: by it a recovery finds a QEMU that was started just before a
 * crash */
static GStrv
make_environment(const GwVm *self, const char *log_path, const char *session)
{
	g_autofree char *entry = log_entry(log_path);
	GStrv environment = g_environ_setenv(g_get_environ(), VM_NAME_VARIABLE, self->name, TRUE);
	environment = g_environ_setenv(environment, LOG_VARIABLE, strchr(entry, '=') + 1, TRUE);
	return session != NULL ? g_environ_setenv(environment, VM_SESSION_VARIABLE, session, TRUE)
			       : g_environ_unsetenv(environment, VM_SESSION_VARIABLE);
}

static gboolean
spawn(char **argv, char **environment, int log_fd, GPid *ret_pid, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD;
	if (g_spawn_async_with_fds(NULL, argv, environment, flags, set_up_child, NULL, ret_pid, -1,
				   log_fd, log_fd, &cause))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH, "cannot start '%s': %s", argv[0],
		    cause->message);
	return FALSE;
}

/* The child leads a session, so that its group is all that it has started. */
static void
kill_and_reap(GPid pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static gboolean
start_with_log(const GwVm *self, char **argv, char **environment, int log_fd, GPid *ret_pid,
	       GError **error)
{
	off_t log_start = lseek(log_fd, 0, SEEK_END);
	GPid pid;
	if (!spawn(argv, environment, log_fd, &pid, error))
		return FALSE;
	gboolean ended;
	if (!wait_for_monitor(self, pid, log_fd, log_start, &ended, error)) {
		if (!ended)
			kill_and_reap(pid);
		return FALSE;
	}
	*ret_pid = pid;
	return TRUE;
}

/* (transfer full) */
static GStrv
make_argv(const GwVm *self, const char *const *extra, GError **error)
{
	g_auto(GStrv) argv = gw_vm_expand_argv(self, error);
	if (argv == NULL)
		return NULL;
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_strv_builder_addv(builder, (const char **)argv);
	if (extra != NULL)
		g_strv_builder_addv(builder, (const char **)extra);
	return g_strv_builder_end(builder);
}

gboolean
vm_start_for_session(const GwVm *self, const char *const *extra, const char *log_path,
		     const char *session, GPid *ret_pid, GError **error)
{
	g_auto(GStrv) argv = make_argv(self, extra, error);
	if (argv == NULL || !make_socket_folder(self, error))
		return FALSE;
	g_autofree char *running = vm_describe_running(self, log_path);
	if (running != NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH, "VM '%s' is already running: %s",
			    self->name, running);
		return FALSE;
	}
	g_auto(GStrv) environment = make_environment(self, log_path, session);
	/* One log a VM: that of its latest start. */
	int log_fd = open(log_path, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log_fd < 0) {
		g_set_error(error, GW_ERROR, GW_ERROR_LAUNCH, "cannot write QEMU's log '%s': %s",
			    log_path, g_strerror(errno));
		return FALSE;
	}
	gboolean started = start_with_log(self, argv, environment, log_fd, ret_pid, error);
	close(log_fd);
	if (!started) {
		g_unlink(log_path); /* what it said is in the error */
		monitor_remove_stale(self->qmp_path);
	}
	return started;
}

gboolean
gw_vm_start(const GwVm *self, const char *const *extra, const char *log_path, GPid *ret_pid,
	    GError **error)
{
	return vm_start_for_session(self, extra, log_path, NULL, ret_pid, error);
}
