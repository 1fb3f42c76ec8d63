/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * golden_check:
 * @name: below tests/data/, as "report/completed.txt"
 *
 * Compares @text with the whole file as a CUnit assertion, and prints both when they differ. With
 * GODWIT_GOLDEN_WRITE set in the environment the file is written instead, for a change that was
 * meant.
 */
void golden_check(const char *name, const char *text);
/* (transfer full): the file's text; fails the test at once when it is not there. */
char *golden_read(const char *name);
