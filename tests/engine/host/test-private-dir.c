/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder beside QEMU's monitor, in a place where somebody else puts links: nothing outside of
 * it is given away, opened or removed.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/host/private-dir.h"
#include "tests/rig/test-util.h"
#include "tests/rig/unix-io.h"

#define OTHER_USER 65534

typedef struct {
	char *folder;
	char *victim; /* a file of ours that nobody else can read */
	Qemu qemu;
	PrivateDir dir;
} Place;

static void
place_init(Place *self)
{
	*self = (Place){ .folder = test_folder_new(), .qemu = { .process = PROCESS_INIT } };
	self->qemu.qmp_path = g_build_filename(self->folder, "qmp", NULL);
	self->victim = test_file_new(self->folder, "victim", "secret");
	CU_ASSERT_EQUAL(chmod(self->victim, 0600), 0);
}

static void
place_clear(Place *self)
{
	private_dir_clear(&self->dir);
	test_folder_free(self->folder);
	g_free(self->victim);
	g_free(self->qemu.qmp_path);
}

static gboolean
exists(const char *path)
{
	struct stat info;
	return lstat(path, &info) == 0;
}

/* Makes a folder beside the monitor, with a file in the socket's place. Returns: (transfer full):
 * that file's path */
static char *
make_folder(const Place *self, const char *name)
{
	g_autofree char *path = g_build_filename(self->folder, name, NULL);
	CU_ASSERT_EQUAL(g_mkdir(path, 0700), 0);
	return test_file_new(path, "stream", "");
}

static void
check_victim(const Place *self)
{
	struct stat info;
	CU_ASSERT_EQUAL(stat(self->victim, &info), 0);
	CU_ASSERT_EQUAL(info.st_uid, geteuid());
	CU_ASSERT_EQUAL(info.st_mode & 07777, 0600);
}

/* What QEMU's user can do in a folder of his own. */
static void
swap_for_link(const char *path, const char *target)
{
	g_autofree char *away = g_strconcat(path, ".away", NULL);
	CU_ASSERT_EQUAL(g_rename(path, away), 0);
	CU_ASSERT_EQUAL(symlink(target, path), 0);
}

static void
both_meet_and_nothing_stays(void)
{
	Place place;
	struct stat info;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	CU_ASSERT_TRUE(private_dir_make(&place.dir, &place.qemu, "s1", &error));
	int listener = private_dir_listen(&place.dir, 1, &error);
	CU_ASSERT_TRUE(private_dir_give(&place.dir, &place.qemu, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(stat(place.dir.socket_path, &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0777, 0666);
	int fd = private_dir_connect(&place.dir);
	CU_ASSERT_TRUE(fd >= 0);
	g_autofree char *path = g_strdup(place.dir.path);
	private_dir_clear(&place.dir);
	CU_ASSERT_FALSE(exists(path));
	close(fd);
	close(listener);
	place_clear(&place);
}

static void
a_link_in_its_place_is_not_followed(void)
{
	Place place;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	CU_ASSERT_TRUE(private_dir_make(&place.dir, &place.qemu, "s1", &error));
	swap_for_link(place.dir.path, place.victim);
	int fifo = private_dir_make_fifo(&place.dir, &error);
	CU_ASSERT_TRUE(fifo >= 0);
	CU_ASSERT_TRUE(private_dir_give(&place.dir, &place.qemu, &error));
	check_victim(&place);
	close(fifo);
	place_clear(&place);
}

static void
a_link_to_another_socket_is_not_followed(void)
{
	Place place;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	g_autofree char *other = g_build_filename(place.folder, "other", NULL);
	int listener = unix_io_listen(other);
	CU_ASSERT_TRUE(private_dir_make(&place.dir, &place.qemu, "s1", &error));
	CU_ASSERT_EQUAL(symlink(other, place.dir.socket_path), 0);
	CU_ASSERT_EQUAL(private_dir_connect(&place.dir), -1);
	CU_ASSERT_NOT_EQUAL(errno, 0);
	close(listener);
	place_clear(&place);
}

static void
a_former_one_is_removed_but_no_link_followed(void)
{
	Place place;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	g_autofree char *kept = make_folder(&place, "foreign");
	g_autofree char *link = g_build_filename(place.folder, ".godwit-s2", NULL);
	CU_ASSERT_EQUAL(symlink("foreign", link), 0);
	private_dir_remove(place.qemu.qmp_path, "s2");
	CU_ASSERT_TRUE(exists(kept));

	g_autofree char *left_socket = make_folder(&place, ".godwit-s3");
	g_autofree char *left = g_path_get_dirname(left_socket);
	private_dir_remove(place.qemu.qmp_path, "s3");
	CU_ASSERT_FALSE(exists(left));
	place_clear(&place);
}

static void
a_name_that_is_taken_is_left_alone(void)
{
	Place place;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	g_autofree char *content = make_folder(&place, ".godwit-s4");
	CU_ASSERT_FALSE(private_dir_make(&place.dir, &place.qemu, "s4", &error));
	private_dir_clear(&place.dir);
	CU_ASSERT_TRUE(exists(content));
	place_clear(&place);
}

/* A process of another user, as a QEMU with -runas. */
static pid_t
start_other_user(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (setuid(OTHER_USER) != 0)
			_exit(1);
		while (TRUE)
			pause();
	}
	return pid;
}

static gboolean
acts_as_other_user(const Place *place)
{
	uid_t user = 0;
	for (guint i = 0; i < 1000; i++) {
		if (process_get_user(&place->qemu.process, &user) && user == OTHER_USER)
			return TRUE;
		g_usleep(1000);
	}
	return FALSE;
}

static void
qemus_user_gets_the_folder_and_nothing_else(void)
{
	if (geteuid() != 0 || test_under_valgrind()) {
		test_skip("only root can give a folder away, and a pidfd is needed");
		return;
	}
	Place place;
	struct stat info;
	g_autoptr(GError) error = NULL;
	place_init(&place);
	pid_t pid = start_other_user();
	process_open(&place.qemu.process, pid);
	CU_ASSERT_TRUE(acts_as_other_user(&place));
	CU_ASSERT_TRUE(private_dir_make(&place.dir, &place.qemu, "s5", &error));
	swap_for_link(place.dir.path, place.victim);
	CU_ASSERT_TRUE(private_dir_give(&place.dir, &place.qemu, &error));
	check_victim(&place);
	CU_ASSERT_EQUAL(fstat(place.dir.fd, &info), 0);
	CU_ASSERT_EQUAL(info.st_uid, OTHER_USER);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	process_clear(&place.qemu.process);
	place_clear(&place);
}

CU_TestInfo suite_private_dir[] = {
	{ "both meet and nothing stays", both_meet_and_nothing_stays },
	{ "a link in its place is not followed", a_link_in_its_place_is_not_followed },
	{ "a link to another socket is not followed", a_link_to_another_socket_is_not_followed },
	{ "a former one is removed but no link followed",
	  a_former_one_is_removed_but_no_link_followed },
	{ "a name that is taken is left alone", a_name_that_is_taken_is_left_alone },
	{ "QEMU's user gets the folder and nothing else",
	  qemus_user_gets_the_folder_and_nothing_else },
	CU_TEST_INFO_NULL,
};
