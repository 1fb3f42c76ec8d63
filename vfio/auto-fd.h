/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <unistd.h>

/* A descriptor that is closed at the end of its scope; -1 is none. */
typedef int AutoFd;

static inline void
auto_fd_clear(AutoFd *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AutoFd, auto_fd_clear);

/* Moves the descriptor out of the variable, which becomes -1. */
static inline int
auto_fd_steal(AutoFd *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}
