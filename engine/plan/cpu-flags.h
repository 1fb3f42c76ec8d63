/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* (transfer full): the bits of @bits in the word @word of CPUID ("00000007.0.EBX"), by their names
 * where they have one: "avx512f avx512dq", else "00000007.0.EBX.14". Pure. */
char *cpu_names_of(const char *word, guint32 bits);
