/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VM files, and starting what they say. A shell stands in for QEMU where QEMU itself would only
 * take longer; where the monitor matters it is the real one, with no machine at all.
 */
#include <CUnit/CUnit.h>
#include <glib/gstdio.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/gw-vm.h"
#include "engine/host/vm-argv.h"
#include "tests/rig/test-util.h"

/* (transfer full): the error that this file gives; fails the test if it gives none. */
static GError *
load_error(const char *folder, const char *text)
{
	g_autofree char *path = g_build_filename(folder, "a.vm", NULL);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
	GError *error = NULL;
	g_autoptr(GwVm) vm = gw_vm_load(path, &error);
	CU_ASSERT_PTR_NULL(vm);
	CU_ASSERT_TRUE_FATAL(g_error_matches(error, GW_ERROR, GW_ERROR_VM_FILE));
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, path));
	return error;
}

static void
bad_files_are_refused(void)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "", "there is no group [vm]" },
		{ "name=a\n", "Key file does not start with a group" },
		{ "[vm]\nqmp=/q\nargv=x\n", "group [vm]: key 'name' is missing" },
		{ "[vm]\nname=\nqmp=/q\nargv=x\n", "group [vm]: key 'name' is missing" },
		{ "[vm]\nname=a\nargv=x\n", "group [vm]: key 'qmp' is missing" },
		{ "[vm]\nname=a\nqmp=/q\n", "group [vm]: key 'argv' is missing" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\ncolour=red\n",
		  "group [vm]: key 'colour' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\n[disk]\n", "group [disk] is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\n[vgpu gpu0]\n",
		  "group [vgpu gpu0]: key 'type' is missing" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\n[vgpu gpu0]\ntype=t\nsize=1\n",
		  "group [vgpu gpu0]: key 'size' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\n[vgpu gpu0]\ntype=t\nuuid=1\n",
		  "uuid '1' is not a UUID" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x\n[vgpu qmp]\ntype=t\n", "and not 'qmp'" },
		{ "[vm]\nname=a\tb\nqmp=/q\nargv=x\n", "without control characters" },
		{ "[vm]\nname=a\302\2332J\nqmp=/q\nargv=x\n", "without control characters" },
		{ "[vm]\nname=a\342\200\256b\nqmp=/q\nargv=x\n", "without control characters" },
		{ "[vm]\nname=a\xff\nqmp=/q\nargv=x\n", "key 'name' is not UTF-8" },
		{ "[vm]\nname=a\nqmp=q\nargv=x\n", "qmp 'q' is not an absolute path" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x ${gpu0}\n", "'${gpu0}' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x ${qmp\n", "'${qmp' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x ${}\n", "'${}' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x ${qmp}${qmp}${q}\n", "'${q}' is not known" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x 'y\n", "Text ended before matching quote" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x -daemonize\n", "'-daemonize' is not allowed here" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x --incoming defer\n",
		  "'--incoming' is not allowed here" },
		{ "[vm]\nname=a\nqmp=/q\nargv=x -S\n", "give --paused" },
	};
	char *folder = test_folder_new();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = load_error(folder, rows[i].text);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, rows[i].message));
	}
	g_autofree char *long_path = g_strnfill(200, 'q');
	g_autofree char *text = g_strdup_printf("[vm]\nname=a\nqmp=/%s\nargv=x\n", long_path);
	g_autoptr(GError) error = load_error(folder, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "is too long for a socket"));
	test_folder_free(folder);
}

/* People give VMs any name; a file of ours never gets one that leads elsewhere. */
static void
a_name_may_be_anything_that_is_shown(void)
{
	static const struct {
		const char *name;
		const char *log;
	} rows[] = {
		{ "web-1.x", "/s/web-1.x.qemu.log" },
		{ "B\xc3\xbcro 1/2", "/s/B%C3%BCro%201%2F2.qemu.log" },
		{ "../a", "/s/%2E.%2Fa.qemu.log" },
		{ "-rf", "/s/%2Drf.qemu.log" },
	};
	char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "a.vm", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
			g_strdup_printf("[vm]\nname=%s\nqmp=/q\nargv=x\n", rows[i].name);
		CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
		g_autoptr(GError) error = NULL;
		g_autoptr(GwVm) vm = gw_vm_load(path, &error);
		TEST_NO_ERROR(error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
		TEST_STRING(vm->name, rows[i].name);
		g_autofree char *log = gw_vm_make_log_path(vm, "/s");
		TEST_STRING(log, rows[i].log);
	}
	test_folder_free(folder);
}

static void
files_that_cannot_be_read_are_refused(void)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(gw_vm_load("/no/such.vm", &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "VM file '/no/such.vm': No such file");
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(gw_vm_load("/dev/zero", &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "VM file '/dev/zero' is not a regular file");

	char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "big.vm", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(path, "", 0, NULL));
	CU_ASSERT_EQUAL(truncate(path, 1LL << 40), 0);
	g_clear_error(&error);
	CU_ASSERT_PTR_NULL(gw_vm_load(path, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "is too large");
	test_folder_free(folder);
}

/* What it says is run, perhaps as root. */
static void
files_that_others_may_change_are_refused(void)
{
	static const char text[] = "[vm]\nname=a\nqmp=/q\nargv=x\n";
	char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "a.vm", NULL);
	g_autofree char *linked = g_build_filename(folder, "b.vm", NULL);
	g_autofree char *fifo = g_build_filename(folder, "c.vm", NULL);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, -1, NULL));
	CU_ASSERT_EQUAL(symlink(path, linked), 0);
	g_autoptr(GwVm) vm = gw_vm_load(linked, NULL);
	CU_ASSERT_PTR_NOT_NULL(vm);

	CU_ASSERT_EQUAL(chmod(path, 0622), 0);
	const char *const paths[] = { path, linked };
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GError) error = NULL;
		CU_ASSERT_PTR_NULL(gw_vm_load(paths[i], &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "may be written by other users");
	}
	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(gw_vm_load(fifo, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "is not a regular file");
	test_folder_free(folder);
}

static void
a_nul_byte_is_refused(void)
{
	static const char text[] = "[vm]\nname=a\nqmp=/q\nargv=x\0y\n";
	char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "a.vm", NULL);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, text, sizeof text - 1, NULL));
	CU_ASSERT_PTR_NULL(gw_vm_load(path, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, "NUL byte");
	test_folder_free(folder);
}

static void
messages_stay_short_and_harmless(void)
{
	char *folder = test_folder_new();
	g_autofree char *filler = g_strnfill(100000, 'x');
	g_autofree char *line = g_strdup_printf("\033[2J\xff%s", filler);
	g_autofree char *name = g_strdup_printf("[vm]\nname=%s\nqmp=/q\nargv=x\n", line);
	const char *const texts[] = { line, name };
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = load_error(folder, texts[i]);
		CU_ASSERT_TRUE(strlen(error->message) < 600);
		CU_ASSERT_PTR_NULL(strchr(error->message, '\033'));
		CU_ASSERT_TRUE(g_utf8_validate(error->message, -1, NULL));
	}
	test_folder_free(folder);
}

static void
argv_is_expanded(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "a.vm", NULL);
	CU_ASSERT_TRUE(g_file_set_contents(path,
					   "# a comment\n[vm]\nname=web-1.x\nqmp=/run/q\n"
					   "argv=qemu -append 'a  b $HOME $$ \\n' -qmp "
					   "unix:${qmp},server=on ${qmp}\n",
					   -1, NULL));
	g_autoptr(GError) error = NULL;
	g_autoptr(GwVm) vm = gw_vm_load(path, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
	CU_ASSERT_STRING_EQUAL(vm->name, "web-1.x");
	CU_ASSERT_STRING_EQUAL(vm->qmp_path, "/run/q");
	CU_ASSERT_STRING_EQUAL(vm->path, path);
	g_auto(GStrv) argv = gw_vm_expand_argv(vm, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(argv);
	g_autofree char *joined = g_strjoinv("|", argv);
	CU_ASSERT_STRING_EQUAL(joined, "qemu|-append|a  b $HOME $$ \\n|-qmp|"
				       "unix:/run/q,server=on|/run/q");
	test_folder_free(folder);
}

static void
a_device_is_known_by_qemus_id(void)
{
	static const struct {
		const char *argv;
		const char *id;
	} rows[] = {
		{ "q -device vfio-pci,id=a,sysfsdev=${gpu0}", "a" },
		{ "q -device vfio-pci,sysfsdev=${gpu0},addr=8,id=b", "b" },
		{ "q -device id=c,driver=vfio-pci,sysfsdev=${gpu0}", "c" },
		{ "q -device '{\"driver\":\"vfio-pci\",\"id\": \"d\",\"sysfsdev\":\"${gpu0}\"}'",
		  "d" },
		{ "q -device vfio-pci,id=x,sysfsdev=${gpu1} -device vfio-pci,id=e,sysfsdev=${gpu0}",
		  "e" },
		{ "q -device vfio-pci,sysfsdev=${gpu0},grid=f", NULL },
		{ "q -device vfio-pci,sysfsdev=${gpu0} -device virtio-rng,id=g", NULL },
		{ "q -device vfio-pci,sysfsdev=${gpu1},id=h", NULL },
		{ "q", NULL },
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		GwVm vm = { .argv = (char *)rows[i].argv };
		g_autofree char *id = vm_argv_device_id(&vm, "gpu0");
		TEST_STRING(id, rows[i].id);
	}
}

typedef struct {
	char *folder;
	char *log;
	GwVm vm;
} Place;

/* A VM with this command line; its monitor is below a folder that is not there yet. */
static void
place_init(Place *self, const char *argv)
{
	self->folder = test_folder_new();
	self->log = g_build_filename(self->folder, "log", NULL);
	self->vm.path = g_strdup("a.vm");
	self->vm.name = g_strdup("a");
	self->vm.qmp_path = g_build_filename(self->folder, "run", "qmp", NULL);
	self->vm.argv = g_strdup(argv);
}

static void
place_clear(Place *self)
{
	test_folder_free(self->folder);
	g_free(self->log);
	g_free(self->vm.path);
	g_free(self->vm.name);
	g_free(self->vm.qmp_path);
	g_free(self->vm.argv);
}

static void
check_start_fails(const char *argv, const char *message)
{
	Place place;
	place_init(&place, argv);
	CU_ASSERT_TRUE(g_file_set_contents(place.log, "from an earlier run\n", -1, NULL));
	GPid pid = -7;
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(gw_vm_start(&place.vm, NULL, place.log, &pid, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_LAUNCH, message);
	CU_ASSERT_PTR_NULL(strstr(error->message, "earlier run"));
	CU_ASSERT_EQUAL(pid, -7);
	/* No child is left, running or dead. */
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
	place_clear(&place);
}

static void
early_death_is_told_in_its_own_words(void)
{
	check_start_fails("sh -c 'echo one >&2; echo two; exit 3'",
			  "QEMU ended with status 3 while starting: one; two");
	check_start_fails("sh -c 'kill -SEGV $$'",
			  "QEMU was killed by signal 11 while starting: it printed nothing");
	check_start_fails("/no/such/qemu", "cannot start '/no/such/qemu': ");
	check_start_fails("qemu-system-x86_64 -no-such-option",
			  "QEMU ended with status 1 while starting: qemu-system-x86_64: "
			  "-no-such-option: invalid option");
}

static void
long_words_are_cut(void)
{
	Place place;
	place_init(&place, "sh -c 'yes x | head -c 5000000; echo the end; exit 1'");
	GPid pid;
	g_autoptr(GError) error = NULL;
	CU_ASSERT_FALSE(gw_vm_start(&place.vm, NULL, place.log, &pid, &error));
	CU_ASSERT_PTR_NOT_NULL_FATAL(error);
	CU_ASSERT_TRUE(strlen(error->message) < 3000);
	CU_ASSERT_TRUE(g_str_has_suffix(error->message, "the end"));
	place_clear(&place);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* The process has a session of its own, and of our descriptors only the three that it must have. */
static void
check_child(GPid pid, int ours)
{
	CU_ASSERT_EQUAL(getsid(pid), pid);
	g_autofree char *mine = g_strdup_printf("/proc/self/fd/%d", ours);
	g_autofree char *target = g_file_read_link(mine, NULL);
	g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)pid);
	g_autoptr(GDir) fds = g_dir_open(folder, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fds);
	const char *name;
	while ((name = g_dir_read_name(fds)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		g_autofree char *its = g_file_read_link(path, NULL);
		CU_ASSERT_TRUE(g_strcmp0(its, target) != 0);
		if (strcmp(name, "0") == 0)
			CU_ASSERT_EQUAL(g_strcmp0(its, "/dev/null"), 0);
	}
}

static void
real_qemu_starts_and_takes_the_next_client(void)
{
	g_autofree char *qemu = g_find_program_in_path("qemu-system-x86_64");
	if (qemu == NULL) {
		test_skip("there is no qemu-system-x86_64");
		return;
	}
	Place place;
	place_init(&place, "qemu-system-x86_64 -machine none -display none -nodefaults "
			   "-qmp unix:${qmp},server=on,wait=off");
	g_autofree char *ours = g_build_filename(place.folder, "ours", NULL);
	int fd = open(ours, O_CREAT | O_WRONLY, 0600); /* without close-on-exec */
	const char *const extra[] = { "-S", NULL };
	GPid pid = 0;
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(gw_vm_start(&place.vm, extra, place.log, &pid, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE_FATAL(pid > 0);
	check_child(pid, fd);

	GPid second;
	CU_ASSERT_FALSE(gw_vm_start(&place.vm, extra, place.log, &second, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_LAUNCH, "VM 'a' is already running");

	int client = connect_to(place.vm.qmp_path);
	char greeting[8] = "";
	CU_ASSERT_EQUAL(read(client, greeting, 7), 7);
	CU_ASSERT_STRING_EQUAL(greeting, "{\"QMP\":");
	close(client);
	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	close(fd);

	/* What a killed QEMU leaves behind is no obstacle. */
	CU_ASSERT_TRUE(g_file_test(place.vm.qmp_path, G_FILE_TEST_EXISTS));
	g_clear_error(&error);
	CU_ASSERT_TRUE(gw_vm_start(&place.vm, extra, place.log, &pid, &error));
	TEST_NO_ERROR(error);

	/* A cleaner of old files takes the socket away, and not the guest. Valgrind knows no
	 * pidfds, by which it is found. */
	CU_ASSERT_EQUAL(g_unlink(place.vm.qmp_path), 0);
	if (!test_under_valgrind()) {
		CU_ASSERT_FALSE(gw_vm_start(&place.vm, extra, place.log, &second, &error));
		g_autofree char *words = g_strdup_printf("process %d was started for it", (int)pid);
		TEST_ERROR(error, GW_ERROR, GW_ERROR_LAUNCH, words);
	}
	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	place_clear(&place);
}

CU_TestInfo suite_vm[] = {
	{ "bad files are refused, the key named", bad_files_are_refused },
	{ "files that cannot be read are refused", files_that_cannot_be_read_are_refused },
	{ "a name may be anything that is shown", a_name_may_be_anything_that_is_shown },
	{ "files that others may change are refused", files_that_others_may_change_are_refused },
	{ "a NUL byte is refused", a_nul_byte_is_refused },
	{ "messages stay short and harmless", messages_stay_short_and_harmless },
	{ "argv is expanded", argv_is_expanded },
	{ "a device is known by QEMU's id", a_device_is_known_by_qemus_id },
	{ "an early death is told in its own words", early_death_is_told_in_its_own_words },
	{ "long words are cut", long_words_are_cut },
	{ "a real QEMU starts and takes the next client",
	  real_qemu_starts_and_takes_the_next_client },
	CU_TEST_INFO_NULL,
};
