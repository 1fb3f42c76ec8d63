/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes from @text, in place, what a terminal would obey: control characters but for line feed and
 * tab. Words of a peer or a guest must go through here before people see them. Returns @text. */
char *terminal_sanitize(char *text);

/* Likewise, and line feeds and tabs too: for a line of a log, so that no words can begin another
 * one. */
char *terminal_sanitize_line(char *text);
