/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel does when @text is written to the attribute at @path, which has no links in it
 * and is below a tree's "devices". Returns 0 or the errno. */
int fake_kernel_write(const char *path, const char *text);
