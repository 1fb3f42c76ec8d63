/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The larger answers that make up QmpFacts: memory blocks, the bits of CPUID. Pure. They
 * serve to compare two QEMUs. So an unknown form is skipped and is never an error.
 */
#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-facts.h"

static void
ram_block_free(gpointer data)
{
	QmpRamBlock *self = data;

	g_free(self->name);
	g_free(self);
}

GPtrArray *
qmp_ram_blocks_new(void)
{
	return g_ptr_array_new_with_free_func(ram_block_free);
}

static gboolean
parse_hex(const char *word, guint64 *ret_value)
{
	return g_str_has_prefix(word, "0x") &&
	       g_ascii_string_to_unsigned(word + 2, 16, 0, G_MAXINT64, ret_value, NULL);
}

/*
 *	Block Name  PSize        Offset          Used         Total           HVA  RO
 *	    pc.ram  4 KiB  0x0000000000  0x0004000000  0x0004000000  0x7f6e47e000  rw
 *
 * (Numbers are shortened here.) The last two columns came with QEMU 8.0. A name may contain spaces,
 * so the columns are found from the first number on.
 */
static void
add_ram_block(const char *line, GPtrArray *blocks)
{
	const char *numbers = strstr(line, " 0x");
	g_auto(GStrv) words = NULL;
	guint64 values[3];

	if (numbers == NULL)
		return;
	g_autofree char *squeezed = g_strdup(numbers + 1);
	words = g_strsplit_set(squeezed, " \t", -1);
	guint n = 0;
	for (guint i = 0; words[i] != NULL && n < G_N_ELEMENTS(values); i++)
		if (*words[i] != '\0' && !parse_hex(words[i], &values[n++]))
			return;
	g_autofree char *name = g_strstrip(g_strndup(line, (gsize)(numbers - line)));
	/* The page size follows the name: "4 KiB". */
	char *space = strrchr(name, ' ');
	if (space != NULL)
		*space = '\0';
	space = strrchr(g_strchomp(name), ' ');
	if (n < G_N_ELEMENTS(values) || space == NULL)
		return;
	*space = '\0';
	QmpRamBlock *block = g_new0(QmpRamBlock, 1);
	block->name = g_strdup(g_strchomp(name));
	block->used_bytes = values[1];
	block->max_bytes = values[2];
	g_ptr_array_add(blocks, block);
}

void
qmp_facts_add_ram_blocks(const char *text, GPtrArray *blocks)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i] != NULL; i++)
		add_ram_block(lines[i], blocks);
}

/* "node 0 size: 512 MB"; the first line, "2 nodes", has no colon. */
void
qmp_facts_add_numa(const char *text, GPtrArray *pairs)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i] != NULL; i++) {
		char *colon = strchr(lines[i], ':');
		if (colon == NULL || !g_str_has_prefix(lines[i], "node "))
			continue;
		*colon = '\0';
		qmp_pairs_take(pairs, g_strchomp(lines[i]), g_strdup(g_strstrip(colon + 1)));
	}
}

void
qmp_facts_add_cpu_words(JsonNode *reply, GPtrArray *words)
{
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *word = json_get_element_object(array, i);
		gint64 eax = 0, ecx = 0, features = 0;
		const char *name = NULL;
		if (word == NULL || !json_get_int(word, "cpuid-input-eax", &eax, NULL) ||
		    !json_get_int_opt(word, "cpuid-input-ecx", &ecx, NULL) ||
		    !json_get_string(word, "cpuid-register", &name, NULL) ||
		    !json_get_int(word, "features", &features, NULL) || features == 0)
			continue;
		g_autofree char *key =
			g_strdup_printf("%08x.%x.%s", (guint32)eax, (guint32)ecx, name);
		qmp_pairs_take(words, key, g_strdup_printf("%08x", (guint32)features));
	}
}
