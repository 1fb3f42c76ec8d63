/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of the error domains: an embedder may print or compare them, so they never change.
 */
#include "engine/gw-error.h"
#include "qmp/json-frame.h"
#include "qmp/qmp-error.h"
#include "tests/rig/test-util.h"
#include "vfio/vfio-error.h"

static void
error_domains_have_names_without_blanks(void)
{
	TEST_STRING(g_quark_to_string(GW_ERROR), "gw-error-quark");
	TEST_STRING(g_quark_to_string(QMP_ERROR), "qmp-error-quark");
	TEST_STRING(g_quark_to_string(VFIO_ERROR), "vfio-error-quark");
	TEST_STRING(g_quark_to_string(JSON_FRAME_ERROR), "json-frame-error-quark");
}

CU_TestInfo suite_error[] = {
	{ "error domains have names without blanks", error_domains_have_names_without_blanks },
	CU_TEST_INFO_NULL,
};
