/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The door before json-glib, which by itself recurses as deep as it is told, takes comments, 'x',
 * 0x10 and {"a":1e999}, makes -1 of 18446744073709551616 and ends a string at \u0000. Here every
 * byte is checked once, against the grammar of RFC 8259 and against limits; no byte is kept but
 * those of a number or word.
 *
 *	state       what may come
 *	VALUE       a value                         FIRST_ITEM  a value or ]
 *	FIRST_KEY   a string or }                   KEY         a string
 *	COLON       :                               NEXT        , or what closes the container
 *	STRING      anything from 0x20 on           ESCAPE      one of "\/bfnrtu
 *	HEX         four hexadecimal digits         TOKEN       the rest of a number or of true, false, null
 *	DONE        nothing
 *
 * The containers are a stack of limits.depth levels. A number must be finite and, if it is whole,
 * fit 64 bits; a string has neither a NUL nor half a surrogate pair, so that what is read can be
 * written again.
 */
#include "qmp/json-scan.h"

#include <math.h>
#include <string.h>

#define MAX_TOKEN_BYTES 64 /* json-glib writes a number in 39 at most */

/* What json-glib 1.6.6 allocates, and a little more. Measured over arrays of 20,000: 42 to 78 bytes
 * for a value, 250 more for an object; a member costs its place in a hash table and in a list, and
 * its key. */
#define VALUE_HEAP_BYTES  96
#define OBJECT_HEAP_BYTES 352
#define MEMBER_HEAP_BYTES 96

typedef enum {
	STATE_VALUE,
	STATE_FIRST_ITEM,
	STATE_FIRST_KEY,
	STATE_KEY,
	STATE_COLON,
	STATE_NEXT,
	STATE_STRING,
	STATE_ESCAPE,
	STATE_HEX,
	STATE_TOKEN,
	STATE_DONE,
} State;

typedef struct {
	char closer;   /* what must close this level */
	guint members; /* commas seen on it, if it is an object */
} Level;

struct JsonScan {
	JsonLimits limits;
	State state;
	Level *levels; /* (owned): limits.depth of them */
	guint depth;
	gsize bytes; /* seen */
	gsize heap_bytes;

	gboolean is_key;    /* the string */
	gsize string_bytes; /* of the string */
	guint hex_digits;
	guint code_unit;
	gboolean awaits_low; /* half a surrogate pair is there */

	char token[MAX_TOKEN_BYTES + 1];
	gsize token_bytes;
};

/* Not by G_DEFINE_QUARK(): clang-format would put blanks into the name. */
GQuark
json_scan_error_quark(void)
{
	return g_quark_from_static_string("json-scan-error-quark");
}

JsonScan *
json_scan_new(const JsonLimits *limits)
{
	JsonScan *self = g_new0(JsonScan, 1);

	json_scan_restart(self, limits);
	return self;
}

void
json_scan_free(JsonScan *self)
{
	if (self == NULL)
		return;
	g_free(self->levels);
	g_free(self);
}

void
json_scan_restart(JsonScan *self, const JsonLimits *limits)
{
	if (self->levels == NULL || limits->depth != self->limits.depth)
		self->levels = g_renew(Level, self->levels, MAX(limits->depth, 1));
	self->limits = *limits;
	self->state = STATE_VALUE;
	self->depth = 0;
	self->bytes = 0;
	self->heap_bytes = 0;
}

static gboolean
fail(JsonScan *self, GError **error, JsonScanError code, const char *what)
{
	g_set_error(error, JSON_SCAN_ERROR, (int)code, "%s, at byte %" G_GSIZE_FORMAT, what,
		    self->bytes);
	return FALSE;
}

/* Never quotes what a terminal would obey. */
static gboolean
refuse_byte(JsonScan *self, GError **error, char c)
{
	if (c == '/')
		return fail(self, error, JSON_SCAN_ERROR_SYNTAX, "not JSON: a comment or '/'");
	g_autofree char *what =
		g_ascii_isgraph(c)
			? g_strdup_printf("not JSON: '%c' has no place there", c)
			: g_strdup_printf("not JSON: byte 0x%02x has no place there", (guint8)c);
	return fail(self, error, JSON_SCAN_ERROR_SYNTAX, what);
}

gboolean
json_scan_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gboolean
is_token_byte(char c)
{
	return g_ascii_isalnum(c) || c == '-' || c == '+' || c == '.';
}

static void
end_value(JsonScan *self)
{
	self->state = self->depth == 0 ? STATE_DONE : STATE_NEXT;
}

static gboolean
add_heap(JsonScan *self, gsize bytes, GError **error)
{
	self->heap_bytes += bytes;
	return self->heap_bytes <= self->limits.heap_bytes ||
	       fail(self, error, JSON_SCAN_ERROR_TOO_LARGE, "too many values");
}

static gboolean
open_level(JsonScan *self, char closer, State state, GError **error)
{
	if (self->depth == self->limits.depth)
		return fail(self, error, JSON_SCAN_ERROR_TOO_DEEP, "nested too deep");
	self->levels[self->depth++] = (Level){ .closer = closer };
	self->state = state;
	return TRUE;
}

static gboolean
close_level(JsonScan *self, char c, GError **error)
{
	if (self->levels[self->depth - 1].closer != c)
		return refuse_byte(self, error, c);
	self->depth--;
	end_value(self);
	return TRUE;
}

static gboolean
begin_string(JsonScan *self, gboolean is_key, GError **error)
{
	self->is_key = is_key;
	self->string_bytes = 0;
	self->awaits_low = FALSE;
	self->state = STATE_STRING;
	return !is_key || add_heap(self, MEMBER_HEAP_BYTES, error);
}

static gboolean
begin_token(JsonScan *self, char c)
{
	self->token[0] = c;
	self->token_bytes = 1;
	self->state = STATE_TOKEN;
	return TRUE;
}

static gboolean
begin_value(JsonScan *self, char c, GError **error)
{
	if (!add_heap(self, c == '{' ? OBJECT_HEAP_BYTES : VALUE_HEAP_BYTES, error))
		return FALSE;
	if (c == '{')
		return open_level(self, '}', STATE_FIRST_KEY, error);
	if (c == '[')
		return open_level(self, ']', STATE_FIRST_ITEM, error);
	if (c == '"')
		return begin_string(self, FALSE, error);
	return is_token_byte(c) ? begin_token(self, c) : refuse_byte(self, error, c);
}

static const char *
skip_digits(const char *c)
{
	while (g_ascii_isdigit(*c))
		c++;
	return c;
}

/* (nullable): the end of the number at @c, as the grammar has it. @ret_is_whole: no fraction, no
 * exponent */
static const char *
skip_number(const char *c, gboolean *ret_is_whole)
{
	c += *c == '-';
	if (!g_ascii_isdigit(*c))
		return NULL;
	c = *c == '0' ? c + 1 : skip_digits(c);
	*ret_is_whole = *c != '.' && *c != 'e' && *c != 'E';
	if (*c == '.') {
		if (!g_ascii_isdigit(c[1]))
			return NULL;
		c = skip_digits(c + 1);
	}
	if (*c != 'e' && *c != 'E')
		return c;
	c += c[1] == '-' || c[1] == '+' ? 2 : 1;
	return g_ascii_isdigit(*c) ? skip_digits(c) : NULL;
}

/* As unsigned too: QEMU writes such ones, and json-glib makes them negative, which readers
 * refuse. */
static gboolean
fits_64_bits(const char *text)
{
	if (*text == '-')
		return g_ascii_string_to_signed(text, 10, G_MININT64, 0, NULL, NULL);
	return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, NULL, NULL);
}

static gboolean
end_token(JsonScan *self, GError **error)
{
	static const char *const words[] = { "true", "false", "null", NULL };
	gboolean is_whole = FALSE;

	self->token[self->token_bytes] = '\0';
	end_value(self);
	if (g_strv_contains(words, self->token))
		return TRUE;
	const char *end = skip_number(self->token, &is_whole);
	if (end == NULL || *end != '\0')
		return fail(self, error, JSON_SCAN_ERROR_SYNTAX,
			    "not JSON: neither a number nor true, false or null");
	if (is_whole ? fits_64_bits(self->token) : isfinite(g_ascii_strtod(self->token, NULL)))
		return TRUE;
	return fail(self, error, JSON_SCAN_ERROR_SYNTAX, "a number that is too large");
}

static gboolean
step_token(JsonScan *self, char c, GError **error)
{
	if (self->token_bytes == MAX_TOKEN_BYTES)
		return fail(self, error, JSON_SCAN_ERROR_SYNTAX, "a number that is too long");
	self->token[self->token_bytes++] = c;
	return TRUE;
}

static gboolean
refuse_half_pair(JsonScan *self, GError **error)
{
	return fail(self, error, JSON_SCAN_ERROR_SYNTAX, "a string with half a surrogate pair");
}

static gboolean
step_string(JsonScan *self, char c, GError **error)
{
	if (self->awaits_low && c != '\\')
		return refuse_half_pair(self, error);
	if ((guint8)c < 0x20)
		return refuse_byte(self, error, c);
	if (c == '\\')
		self->state = STATE_ESCAPE;
	else if (c == '"' && self->is_key)
		self->state = STATE_COLON;
	else if (c == '"')
		end_value(self);
	return TRUE;
}

static gboolean
step_escape(JsonScan *self, char c, GError **error)
{
	if (c == 'u') {
		self->hex_digits = 0;
		self->code_unit = 0;
		self->state = STATE_HEX;
		return TRUE;
	}
	if (self->awaits_low)
		return refuse_half_pair(self, error);
	if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
		return refuse_byte(self, error, c);
	self->state = STATE_STRING;
	return TRUE;
}

static gboolean
step_hex(JsonScan *self, char c, GError **error)
{
	if (!g_ascii_isxdigit(c))
		return refuse_byte(self, error, c);
	self->code_unit = self->code_unit * 16 + (guint)g_ascii_xdigit_value(c);
	if (++self->hex_digits < 4)
		return TRUE;
	gboolean is_low = self->code_unit >= 0xdc00 && self->code_unit <= 0xdfff;
	if (is_low != self->awaits_low)
		return refuse_half_pair(self, error);
	if (self->code_unit == 0)
		return fail(self, error, JSON_SCAN_ERROR_SYNTAX, "a string with a NUL");
	self->awaits_low = self->code_unit >= 0xd800 && self->code_unit <= 0xdbff;
	self->state = STATE_STRING;
	return TRUE;
}

/* Inside a string, its closing quote included. */
static gboolean
step_text(JsonScan *self, char c, GError **error)
{
	if (++self->string_bytes > self->limits.string_bytes + 1)
		return fail(self, error, JSON_SCAN_ERROR_TOO_LARGE, "a string with too many bytes");
	self->heap_bytes++;
	if (self->state == STATE_STRING)
		return step_string(self, c, error);
	return self->state == STATE_ESCAPE ? step_escape(self, c, error) : step_hex(self, c, error);
}

static gboolean
step_next(JsonScan *self, char c, GError **error)
{
	if (c != ',')
		return close_level(self, c, error);
	Level *level = &self->levels[self->depth - 1];
	if (level->closer == ']') {
		self->state = STATE_VALUE;
		return TRUE;
	}
	if (++level->members >= JSON_MAX_MEMBERS)
		return fail(self, error, JSON_SCAN_ERROR_TOO_LARGE,
			    "an object with too many members");
	self->state = STATE_KEY;
	return TRUE;
}

/* Between strings and tokens; no white space. */
static gboolean
step_structure(JsonScan *self, char c, GError **error)
{
	gboolean may_close = self->state == STATE_FIRST_ITEM || self->state == STATE_FIRST_KEY;

	if (may_close && c == self->levels[self->depth - 1].closer)
		return close_level(self, c, error);
	switch (self->state) {
	case STATE_VALUE:
	case STATE_FIRST_ITEM:
		return begin_value(self, c, error);
	case STATE_FIRST_KEY:
	case STATE_KEY:
		return c == '"' ? begin_string(self, TRUE, error) : refuse_byte(self, error, c);
	case STATE_COLON:
		if (c != ':')
			return refuse_byte(self, error, c);
		self->state = STATE_VALUE;
		return TRUE;
	default:
		return step_next(self, c, error);
	}
}

static gboolean
step(JsonScan *self, char c, GError **error)
{
	switch (self->state) {
	case STATE_STRING:
	case STATE_ESCAPE:
	case STATE_HEX:
		return step_text(self, c, error);
	case STATE_TOKEN:
		return step_token(self, c, error);
	default:
		return json_scan_is_space(c) || step_structure(self, c, error);
	}
}

gboolean
json_scan_feed(JsonScan *self, const char *text, gsize len, gsize *ret_used, GError **error)
{
	gsize at = 0;

	while (at < len) {
		/* What ends a number is no part of it. */
		if (self->state == STATE_TOKEN && !is_token_byte(text[at]) &&
		    !end_token(self, error))
			return FALSE;
		if (self->state == STATE_DONE)
			break;
		if (self->bytes == self->limits.bytes)
			return fail(self, error, JSON_SCAN_ERROR_TOO_LARGE, "too many bytes");
		self->bytes++;
		if (!step(self, text[at++], error))
			return FALSE;
	}
	*ret_used = at;
	return TRUE;
}

gboolean
json_scan_has_ended(JsonScan *self)
{
	return self->state == STATE_DONE;
}

gsize
json_scan_get_heap_bytes(JsonScan *self)
{
	return self->heap_bytes;
}

gboolean
json_scan_end(JsonScan *self, GError **error)
{
	if (self->state == STATE_TOKEN && self->depth == 0)
		return end_token(self, error);
	if (self->state == STATE_DONE)
		return TRUE;
	gboolean is_empty = self->state == STATE_VALUE && self->depth == 0;
	return fail(self, error, JSON_SCAN_ERROR_TRUNCATED,
		    is_empty ? "it is empty" : "ended inside a value");
}
