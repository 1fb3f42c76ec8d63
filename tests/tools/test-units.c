/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes, rates, durations and addresses as people write them: tables of what is taken and what is
 * not.
 */
#include <CUnit/CUnit.h>
#include <string.h>

#include "tools/address.h"
#include "tools/units.h"

typedef gboolean (*Parse)(const char *text, gint64 *ret_value, GError **error);

typedef struct {
	const char *text;
	gint64 value;
} Taken;

static void
check_taken(Parse parse, const Taken *rows, gsize n_rows)
{
	for (gsize i = 0; i < n_rows; i++) {
		gint64 value = -1;
		g_autoptr(GError) error = NULL;
		CU_ASSERT_TRUE(parse(rows[i].text, &value, &error));
		CU_ASSERT_EQUAL(value, rows[i].value);
	}
}

/* Every error quotes the value, and the result is left alone. */
static void
check_refused(Parse parse, const char *const *texts)
{
	for (; *texts != NULL; texts++) {
		gint64 value = 42;
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(parse(*texts, &value, &error));
		CU_ASSERT_EQUAL(value, 42);
		CU_ASSERT_PTR_NOT_NULL_FATAL(error);
		g_autofree char *quoted = g_strdup_printf("'%s'", *texts);
		CU_ASSERT_PTR_NOT_NULL(strstr(error->message, quoted));
	}
}

static void
rates_are_taken(void)
{
	static const Taken rows[] = {
		{ "8bit", 1 },
		{ "1kbit", 125 },
		{ "100Mbit", 12500000 },
		{ "10Gbit", 1250000000 },
		{ "10Gbit/s", 1250000000 },
		{ "1B", 1 },
		{ "2kB", 2000 },
		{ "3MB", 3000000 },
		{ "1GB", 1000000000 },
		{ "1KiB", 1024 },
		{ "1MiB", 1048576 },
		{ "1GiB", 1073741824 },
		{ "1.5GiB", 1610612736 },
		{ "0.5KiB/s", 512 },
	};
	check_taken(units_parse_rate, rows, G_N_ELEMENTS(rows));
}

static void
bad_rates_are_refused(void)
{
	static const char *const texts[] = {
		"",
		"10",
		"0",
		"0bit",
		"7bit",
		"-1GiB",
		"+1GiB",
		" 1GiB",
		"1 GiB",
		"1gib",
		"GiB",
		"1e3MB",
		"0x10MB",
		"1.MB",
		".5MB",
		"1..5MB",
		"nanMB",
		"infGiB",
		"1GiB/m",
		"1GiB/s/s",
		"99999999999999999999999999GiB",
		"999999999999GiB",
		"1Mb",
		"1MiBs",
		"1\xffMB",
		NULL,
	};
	check_refused(units_parse_rate, texts);
}

static void
sizes_are_taken(void)
{
	static const Taken rows[] = {
		{ "0", 0 },	      { "1B", 1 },	     { "2kB", 2000 },
		{ "128KiB", 131072 }, { "1.5MiB", 1572864 }, { "1GB", 1000000000 },
	};
	check_taken(units_parse_size, rows, G_N_ELEMENTS(rows));
}

static void
bad_sizes_are_refused(void)
{
	static const char *const texts[] = { "",      "10",    "0B",  "1Mbit", "1MiB/s",
					     "-1KiB", "1 KiB", "KiB", "00",    NULL };
	check_refused(units_parse_size, texts);
}

static void
durations_are_taken(void)
{
	static const Taken rows[] = {
		{ "1us", 1 },	      { "300ms", 300000 },  { "1.5s", 1500000 },
		{ "10m", 600000000 }, { "1min", 60000000 }, { "2h", 7200000000 },
	};
	check_taken(units_parse_duration, rows, G_N_ELEMENTS(rows));
}

static void
bad_durations_are_refused(void)
{
	static const char *const texts[] = {
		"",
		"5",
		"0s",
		"0.1us",
		"-1s",
		"1 s",
		"s",
		"1sec",
		"1S",
		"1d",
		"9999999999999999h",
		"1,5s",
		NULL,
	};
	check_refused(units_parse_duration, texts);
}

static void
bytes_are_printed(void)
{
	static const struct {
		gint64 bytes;
		const char *text;
	} rows[] = {
		{ -1, "?" },
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 10300, "10.1 KiB" },
		{ 1048575, "1.00 MiB" },
		{ 123 * 1048576, "123 MiB" },
		{ 5LL << 30, "5.00 GiB" },
		{ G_MAXINT64, "8.00 EiB" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = units_format_bytes(rows[i].bytes);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
	g_autofree char *rate = units_format_rate(2048);
	CU_ASSERT_STRING_EQUAL(rate, "2.00 KiB/s");
}

static void
durations_are_printed(void)
{
	static const struct {
		gint64 us;
		const char *text;
	} rows[] = {
		{ -1, "?" },
		{ 0, "0 us" },
		{ 999, "999 us" },
		{ 1000, "1.00 ms" },
		{ 41234, "41.2 ms" },
		{ 999499, "999 ms" },
		{ 999500, "1.00 s" },
		{ 59999999, "60.0 s" },
		{ 125 * G_USEC_PER_SEC, "2m05s" },
		{ 3599600000, "1h00m00s" },
		{ 3725LL * G_USEC_PER_SEC, "1h02m05s" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = units_format_duration(rows[i].us);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
}

static void
numbers_say_how_sure_they_are(void)
{
	static const struct {
		GwNumber number;
		const char *text;
	} rows[] = {
		{ { 2048, GW_SOURCE_STREAM, GW_CONFIDENCE_MEASURED }, "2.00 KiB" },
		{ { 2048, GW_SOURCE_MODEL, GW_CONFIDENCE_ESTIMATED }, "2.00 KiB" },
		{ { 2048, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND }, "≤ 2.00 KiB" },
		{ { 2048, GW_SOURCE_STREAM, GW_CONFIDENCE_LOWER_BOUND }, "≥ 2.00 KiB" },
		{ { -1, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND }, "?" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = units_format_number(rows[i].number, units_format_bytes);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
}

static void
addresses_are_parsed(void)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: refused */
		guint16 port;
	} rows[] = {
		{ "web", "web", 0 },	  { "192.0.2.7:5", "192.0.2.7", 5 },
		{ "[::1]", "::1", 0 },	  { "[fe80::1%eth0]:65535", "fe80::1%eth0", 65535 },
		{ "", NULL, 0 },	  { ":49160", NULL, 0 },
		{ "::1", NULL, 0 },	  { "[::1", NULL, 0 },
		{ "[]:1", NULL, 0 },	  { "[::1]x", NULL, 0 },
		{ "web:", NULL, 0 },	  { "web:0", NULL, 0 },
		{ "web:65536", NULL, 0 }, { "web:-1", NULL, 0 },
		{ "web:1x", NULL, 0 },	  { "a b", NULL, 0 },
		{ "tcp://web", NULL, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *host = NULL;
		guint16 port = 0;
		g_autoptr(GError) error = NULL;
		gboolean parsed = address_parse(rows[i].text, 1, &host, &port, &error);
		CU_ASSERT_EQUAL(parsed, rows[i].host != NULL);
		CU_ASSERT_EQUAL(g_strcmp0(host, rows[i].host), 0);
		CU_ASSERT_EQUAL(port, rows[i].port);
		CU_ASSERT_EQUAL(error == NULL, parsed);
	}
}

static void
port_0_is_for_listening_only(void)
{
	g_autofree char *host = NULL;
	guint16 port = 1;
	CU_ASSERT_TRUE(address_parse("127.0.0.1:0", 0, &host, &port, NULL));
	CU_ASSERT_EQUAL(port, 0);
}

CU_TestInfo suite_units[] = {
	{ "rates are taken", rates_are_taken },
	{ "bad rates are refused and quoted", bad_rates_are_refused },
	{ "sizes are taken", sizes_are_taken },
	{ "bad sizes are refused", bad_sizes_are_refused },
	{ "durations are taken", durations_are_taken },
	{ "bad durations are refused and quoted", bad_durations_are_refused },
	{ "bytes are printed", bytes_are_printed },
	{ "durations are printed", durations_are_printed },
	{ "numbers say how sure they are", numbers_say_how_sure_they_are },
	{ "addresses are parsed", addresses_are_parsed },
	{ "port 0 is for listening only", port_0_is_for_listening_only },
	CU_TEST_INFO_NULL,
};
