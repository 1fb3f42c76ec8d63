/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json-get: every kind of member against every getter, absent members, and words of the errors.
 */
#include "qmp/json-get.h"
#include "tests/rig/test-util.h"

static const char text[] =
	"{\"object\": {}, \"array\": [\"s\", 1, {}], \"string\": \"s\", \"int\": 7,"
	" \"negative\": -7, \"double\": 1.5, \"huge\": 1e999, \"bool\": true,"
	" \"null\": null, \"u64\": 18446744073709551615}";

static const char *const members[] = { "object", "array", "string", "int", "negative",
				       "double", "huge",  "bool",   "u64" };

/* Does the getter called @kind take @member? */
static gboolean
takes(const char *kind, JsonObject *object, const char *member, GError **error)
{
	union {
		JsonObject *object;
		JsonArray *array;
		const char *string;
		gint64 i;
		guint64 size;
		double d;
		gboolean b;
	} value;

	if (g_str_equal(kind, "object"))
		return json_get_object(object, member, &value.object, error);
	if (g_str_equal(kind, "array"))
		return json_get_array(object, member, &value.array, error);
	if (g_str_equal(kind, "string"))
		return json_get_string(object, member, &value.string, error);
	if (g_str_equal(kind, "int"))
		return json_get_int(object, member, &value.i, error);
	if (g_str_equal(kind, "size"))
		return json_get_size(object, member, &value.size, error);
	if (g_str_equal(kind, "double"))
		return json_get_double(object, member, &value.d, error);
	return json_get_bool(object, member, &value.b, error);
}

static const struct {
	const char *kind;
	const char *taken; /* the members it takes */
} expectations[] = {
	{ "object", " object " }, { "array", " array " },
	{ "string", " string " }, { "int", " int negative u64 " },
	{ "size", " int " },	  { "double", " int negative double u64 " },
	{ "bool", " bool " },
};

static void
test_kinds(void)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	JsonObject *object = json_node_get_object(node);

	for (gsize i = 0; i < G_N_ELEMENTS(expectations); i++) {
		for (gsize j = 0; j < G_N_ELEMENTS(members); j++) {
			g_autoptr(GError) error = NULL;
			g_autofree char *word = g_strdup_printf(" %s ", members[j]);
			gboolean expected = strstr(expectations[i].taken, word) != NULL;
			CU_ASSERT_EQUAL(takes(expectations[i].kind, object, members[j], &error),
					expected);
			CU_ASSERT_EQUAL(error == NULL, expected);
		}
	}
}

static void
test_values(void)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	JsonObject *object = json_node_get_object(node);
	const char *s = NULL;
	gint64 i = 0;
	double d = 0;
	gboolean b = FALSE;

	CU_ASSERT_TRUE(json_get_string(object, "string", &s, NULL));
	TEST_STRING(s, "s");
	CU_ASSERT_TRUE(json_get_int_opt(object, "negative", &i, NULL));
	CU_ASSERT_EQUAL(i, -7);
	CU_ASSERT_TRUE(json_get_double(object, "int", &d, NULL));
	CU_ASSERT_DOUBLE_EQUAL(d, 7, 0);
	CU_ASSERT_TRUE(json_get_bool(object, "bool", &b, NULL));
	CU_ASSERT_TRUE(b);
}

static void
test_absent(void)
{
	const char *const names[] = { "nothing", "null" };
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	JsonObject *object = json_node_get_object(node);

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *expected = g_strdup_printf("no '%s'", names[i]);
		gint64 value = 42;
		CU_ASSERT_TRUE(json_get_int_opt(object, names[i], &value, NULL));
		CU_ASSERT_EQUAL(value, 42);
		CU_ASSERT_FALSE(json_get_int(object, names[i], &value, &error));
		TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, expected);
		CU_ASSERT_EQUAL(value, 42);
	}
}

static void
test_wrong_optional(void)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	g_autoptr(GError) error = NULL;
	const char *value = "untouched";

	CU_ASSERT_FALSE(json_get_string_opt(json_node_get_object(node), "array", &value, &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "'array' is not a string");
	TEST_STRING(value, "untouched");
}

static void
test_roots(void)
{
	g_autoptr(JsonNode) node = json_from_string("[]", NULL);
	g_autoptr(GError) error = NULL;
	JsonObject *object = NULL;
	JsonArray *array = NULL;

	CU_ASSERT_TRUE(json_get_root_array(node, "x", &array, NULL));
	CU_ASSERT_FALSE(json_get_root_object(node, "the answer", &object, &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the answer is not an object");
	CU_ASSERT_FALSE(json_get_root_array(NULL, "x", &array, NULL));
}

static void
test_elements(void)
{
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	JsonArray *array = json_object_get_array_member(json_node_get_object(node), "array");

	TEST_STRING(json_get_element_string(array, 0), "s");
	CU_ASSERT_PTR_NULL(json_get_element_string(array, 1));
	CU_ASSERT_PTR_NULL(json_get_element_object(array, 0));
	CU_ASSERT_PTR_NOT_NULL(json_get_element_object(array, 2));
}

CU_TestInfo suite_json_get[] = {
	{ "each getter takes its kinds only", test_kinds },
	{ "values", test_values },
	{ "absent and null members", test_absent },
	{ "a wrong type is an error for an optional member too", test_wrong_optional },
	{ "roots", test_roots },
	{ "elements of an array", test_elements },
	CU_TEST_INFO_NULL,
};
