/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder of VM files: which file is the one of a VM, and when none is taken.
 */
#include <CUnit/CUnit.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/host/vm-dir.h"
#include "tests/rig/test-util.h"

/* (transfer full): its path */
static char *
write_vm(const char *folder, const char *file, const char *name)
{
	g_autofree char *text = g_strdup_printf("[vm]\nname=%s\nqmp=/q\nargv=x\n", name);
	return test_file_new(folder, file, text);
}

static void
is_refused(const char *folder, const char *name, const char *why)
{
	g_autoptr(GError) error = NULL;
	CU_ASSERT_PTR_NULL(vm_dir_find(folder, name, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_VM_FILE, why);
}

static void
the_file_is_found_by_the_name_in_it(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *other = write_vm(folder, "web1.vm", "web2");
	g_autofree char *wanted = write_vm(folder, "zz.vm", "web1");
	g_autofree char *broken = write_vm(folder, "aa.vm", "");
	g_autoptr(GError) error = NULL;
	g_autoptr(GwVm) vm = vm_dir_find(folder, "web1", &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
	CU_ASSERT_STRING_EQUAL(vm->path, wanted);
	is_refused(folder, "web3", "not readable there: VM file");
}

/* Editors and package managers leave copies behind. */
static void
only_names_in_vm_count(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *backup = write_vm(folder, "web1.vm~", "web1");
	g_autofree char *former = write_vm(folder, "web1.vm.dpkg-old", "web1");
	is_refused(folder, "web1", "no VM named 'web1' in the *.vm files of");
	g_autofree char *path = write_vm(folder, "web1.vm", "web1");
	g_autoptr(GwVm) vm = vm_dir_find(folder, "web1", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
	CU_ASSERT_STRING_EQUAL(vm->path, path);
}

static void
two_files_of_one_vm_are_told(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *first = write_vm(folder, "a.vm", "web1");
	g_autofree char *second = write_vm(folder, "b.vm", "web1");
	is_refused(folder, "web1", first);
	is_refused(folder, "web1", second);
	is_refused(folder, "web1", "both name the VM 'web1'");
}

static void
what_others_may_write_is_refused(void)
{
	g_auto(TestFolder) folder = test_folder_new();
	g_autofree char *path = write_vm(folder, "web1.vm", "web1");
	CU_ASSERT_EQUAL(chmod(path, 0666), 0);
	is_refused(folder, "web1", "may be written by other users");
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
	CU_ASSERT_EQUAL(chmod(folder, 0777), 0);
	is_refused(folder, "web1", "may be written by other users");
	CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
	is_refused("/no/such", "web1", "No such file");
}

CU_TestInfo suite_vm_dir[] = {
	{ "the file is found by the name in it", the_file_is_found_by_the_name_in_it },
	{ "only names in .vm count", only_names_in_vm_count },
	{ "two files of one VM are told", two_files_of_one_vm_are_told },
	{ "what others may write is refused", what_others_may_write_is_refused },
	CU_TEST_INFO_NULL,
};
