/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain of vfio/, and how an errno of the kernel becomes an error. The same errno means
 * different things in different files of sysfs. So the code that wrote passes a table of meanings.
 */
#include "vfio/vfio-error.h"

#include "vfio/printable.h"

#define QUOTE_BYTES 64

/* Not by G_DEFINE_QUARK(): clang-format would put blanks into the name. */
GQuark
vfio_error_quark(void)
{
	return g_quark_from_static_string("vfio-error-quark");
}

gboolean
vfio_error_set_errno(GError **error, const VfioErrnoRow *rows, int number, const char *subject)
{
	for (; rows->number != 0; rows++) {
		if (rows->number != number)
			continue;
		g_set_error(error, VFIO_ERROR, rows->code, "%s: %s (%s)", subject, rows->text,
			    g_strerror(number));
		return FALSE;
	}
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS,
		    "%s: %s: the kernel log ('dmesg') may say why", subject, g_strerror(number));
	return FALSE;
}

char *
vfio_error_quote(const char *text)
{
	if (text == NULL)
		return g_strdup("");
	gsize n = 0;
	while (n < QUOTE_BYTES && text[n] != '\0')
		n++;
	return printable_make(g_utf8_make_valid(text, (gssize)n), PRINTABLE_ONE_LINE);
}
