/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The account of a migration stream as a table: data in, text out. Rows without bytes are left out.
 * A cell is empty, never 0, if the row does not have that number.
 */
#include "tools/stream-text.h"

#include <stdio.h>

#include "tools/terminal-sanitize.h"

#define N_COLUMNS     4 /* the phases and the sum of them */
#define LABEL_COLUMNS 34
#define NOT_TOLD      (-1)

static void
add_number(GString *out, gint64 bytes)
{
	if (bytes == NOT_TOLD)
		g_string_append_printf(out, "%15s", "");
	else
		g_string_append_printf(out, "%15" G_GINT64_FORMAT, bytes);
}

static void
add_row(GString *out, const char *label, const gint64 *columns)
{
	if (columns[N_COLUMNS - 1] == 0)
		return;
	g_string_append_printf(out, "%-*s", LABEL_COLUMNS, label);
	for (guint i = 0; i < N_COLUMNS; i++)
		add_number(out, columns[i]);
	g_string_append_c(out, '\n');
}

static void
add_total(GString *out, const char *label, gint64 bytes)
{
	const gint64 columns[N_COLUMNS] = { NOT_TOLD, NOT_TOLD, NOT_TOLD, bytes };
	add_row(out, label, columns);
}

/* @offset: the offset of a number in GwStreamRam. */
static void
add_ram(GString *out, const char *label, const GwStreamRam *ram, gsize offset)
{
	gint64 columns[N_COLUMNS] = { 0 };
	for (guint i = 0; i < GW_STREAM_N_PHASES; i++) {
		columns[i] = G_STRUCT_MEMBER(gint64, &ram[i], offset);
		columns[N_COLUMNS - 1] += columns[i];
	}
	add_row(out, label, columns);
}

static void
add_device(GString *out, const GwStreamDevice *device)
{
	g_autofree char *data = g_strdup_printf("%s data", terminal_sanitize(device->id));
	g_autofree char *config =
		g_strdup_printf("%s configuration", terminal_sanitize(device->id));
	g_autofree char *framing = g_strdup_printf("%s framing", terminal_sanitize(device->id));
	const gint64 columns[N_COLUMNS] = { NOT_TOLD, device->precopy_bytes,
					    device->stop_copy_bytes,
					    device->precopy_bytes + device->stop_copy_bytes };
	add_row(out, data, columns);
	const gint64 config_columns[N_COLUMNS] = { NOT_TOLD, NOT_TOLD, device->config_bytes,
						   device->config_bytes };
	add_row(out, config, config_columns);
	add_total(out, framing, device->framing_bytes);
}

static void
add_bytes(GString *out, const GwStreamBytes *bytes)
{
	add_ram(out, "RAM pages", bytes->ram, G_STRUCT_OFFSET(GwStreamRam, page_bytes));
	add_ram(out, "RAM pages of zeroes", bytes->ram, G_STRUCT_OFFSET(GwStreamRam, zero_bytes));
	add_ram(out, "RAM framing", bytes->ram, G_STRUCT_OFFSET(GwStreamRam, framing_bytes));
	for (guint i = 0; i < bytes->devices->len; i++)
		add_device(out, g_ptr_array_index(bytes->devices, i));
	add_total(out, "other devices", bytes->other_devices_bytes);
	add_total(out, "description", bytes->description_bytes);
	add_total(out, "framing", bytes->framing_bytes);
	add_total(out, "not recognized", bytes->unparsed_bytes);
	add_total(out, "all", bytes->total_bytes);
}

static void
add_head(GString *out, const GwStreamAccount *account)
{
	if (account->machine != NULL)
		g_string_append_printf(out, "machine %s\n\n", terminal_sanitize(account->machine));
	g_string_append_printf(out, "%-*s%15s%15s%15s%15s\n", LABEL_COLUMNS, "bytes of", "setup",
			       "pre-copy", "switchover", "all");
}

static void
add_channels(GString *out, const GPtrArray *channels)
{
	g_string_append(out, "\nchannels\n");
	for (guint i = 0; i < channels->len; i++) {
		const GwStreamChannel *channel = g_ptr_array_index(channels, i);
		g_autofree char *label =
			g_strdup_printf("  %s (%s)", terminal_sanitize(channel->name),
					channel->kind);
		g_string_append_printf(out, "%-*s%15" G_GINT64_FORMAT "  %s\n", LABEL_COLUMNS + 45,
				       label, channel->bytes.total_bytes,
				       channel->is_complete ? "complete" : "not complete");
	}
}

char *
stream_text(const GwStreamAccount *account)
{
	GString *out = g_string_new(NULL);
	add_head(out, account);
	add_bytes(out, &account->bytes);
	if (account->bytes.devices->len > 0)
		g_string_append_printf(out,
				       "\nQEMU's vfio.transferred counts %" G_GINT64_FORMAT
				       " of these\n",
				       account->vfio_transferred_bytes);
	add_channels(out, account->channels);
	return g_string_free(out, FALSE);
}
