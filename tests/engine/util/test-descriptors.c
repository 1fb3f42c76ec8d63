/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many descriptors are left, of this process and of another one.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/util/descriptors.h"

static void
an_open_file_takes_one(void)
{
	guint before = descriptors_count_free(0);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(descriptors_count_free(0), before - 1);
	CU_ASSERT_EQUAL(descriptors_count_free(getpid()), before - 1);
	close(fd);
	CU_ASSERT_EQUAL(descriptors_count_free(0), before);
}

static void
the_soft_limit_counts(void)
{
	struct rlimit former, low;
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &former), 0);
	low = former;
	low.rlim_cur = 64;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
	CU_ASSERT_TRUE(descriptors_count_free(0) < 64);
	low.rlim_cur = 2;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
	guint none_left = descriptors_count_free(0);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &former), 0);
	CU_ASSERT_TRUE(none_left <= 1);
}

static void
a_process_that_is_gone_is_not_known(void)
{
	CU_ASSERT_EQUAL(descriptors_count_free(G_MAXINT), 0);
}

CU_TestInfo suite_descriptors[] = {
	{ "an open file takes one", an_open_file_takes_one },
	{ "the soft limit counts", the_soft_limit_counts },
	{ "a process that is gone is not known", a_process_that_is_gone_is_not_known },
	CU_TEST_INFO_NULL,
};
