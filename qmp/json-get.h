/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* Reading JSON that somebody else wrote. json-glib's own getters are critical warnings when a member is
 * missing or has another type; these are errors that name the member. Pure.
 *
 * All return %FALSE with %G_IO_ERROR_INVALID_DATA, for instance "'status' is not a string" or "no
 * 'status'", and leave *ret_value alone then. Values that point into @object live as long as it does.
 *
 * The _opt variants take an absent member, or null, for an answer: *ret_value is left as it is and the
 * result is %TRUE. A wrong type is an error with them too. */

gboolean json_get_object(JsonObject *object, const char *name, JsonObject **ret_value,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_array(JsonObject *object, const char *name, JsonArray **ret_value,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_string(JsonObject *object, const char *name, const char **ret_value,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A number without a point. Beyond 64 bits signed json-glib gives a wrong number, mostly a negative one. */
gboolean json_get_int(JsonObject *object, const char *name, gint64 *ret_value,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As json_get_int(), and not negative. */
gboolean json_get_size(JsonObject *object, const char *name, guint64 *ret_value,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Any finite number. */
gboolean json_get_double(JsonObject *object, const char *name, double *ret_value,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_bool(JsonObject *object, const char *name, gboolean *ret_value,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean json_get_object_opt(JsonObject *object, const char *name, JsonObject **ret_value,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_array_opt(JsonObject *object, const char *name, JsonArray **ret_value,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_string_opt(JsonObject *object, const char *name, const char **ret_value,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_int_opt(JsonObject *object, const char *name, gint64 *ret_value,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_size_opt(JsonObject *object, const char *name, guint64 *ret_value,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_double_opt(JsonObject *object, const char *name, double *ret_value,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_bool_opt(JsonObject *object, const char *name, gboolean *ret_value,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* @node may be NULL or anything; @what names it in the error. (transfer none) */
gboolean json_get_root_object(JsonNode *node, const char *what, JsonObject **ret_value,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_root_array(JsonNode *node, const char *what, JsonArray **ret_value,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The element as a string or an object; NULL when it is something else. (transfer none) */
const char *json_get_element_string(JsonArray *array, guint index);
JsonObject *json_get_element_object(JsonArray *array, guint index);
