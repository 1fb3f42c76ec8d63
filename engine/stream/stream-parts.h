/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/stream/stream-machine.h"

/* The first step of each part of the stream, in a file stream-<kind>.c. */
void stream_begin_main(Stream *self); /* after its magic */
void stream_begin_configuration(Stream *self);
void stream_begin_subsection(Stream *self); /* of the configuration */
void stream_begin_ram(Stream *self);	    /* a body */
void stream_begin_vfio(Stream *self);	    /* a body */
void stream_begin_multifd(Stream *self);    /* after its magic */
void stream_begin_return(Stream *self);

/* Returns whether the channel may end here. */
gboolean stream_multifd_can_end(const Stream *self);
gboolean stream_return_can_end(const Stream *self);
