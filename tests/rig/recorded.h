/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* What real QEMUs answered, out of tests/data/qmp (see "record" there). */

extern const char *const recorded_versions[]; /* "7.2", ..., NULL */

/* (transfer full): the answer that is kept under @name: "qtree", "capabilities", ... */
JsonNode *recorded_answer(const char *version, const char *name);
/* (transfer full): likewise, of an answer that is a text or has one for people. */
char *recorded_text(const char *version, const char *name);

/* By query-qmp-schema: has that QEMU the command and, unless it is NULL, the argument? */
gboolean recorded_has(const char *version, const char *command, const char *argument);
gboolean recorded_has_event(const char *version, const char *event);
