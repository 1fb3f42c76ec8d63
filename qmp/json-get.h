/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* Reads JSON that another program wrote. json-glib's own getters raise critical warnings when a
 * member is missing or has another type; these functions return errors that name the member. Pure.
 *
 * All return %FALSE with %G_IO_ERROR_INVALID_DATA, for instance "'status' is not a string" or "no
 * 'status'", and then leave *ret_value unchanged. Values that point into @object live as long as
 * @object.
 *
 * The _opt variants accept a member that is absent or null: they leave *ret_value unchanged and
 * return %TRUE. A wrong type is an error for them too. */

gboolean json_get_object(JsonObject *object, const char *name, JsonObject **ret_value,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_array(JsonObject *object, const char *name, JsonArray **ret_value,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean json_get_string(JsonObject *object, const char *name, const char **ret_value,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A number without a decimal point. Beyond 64 bits signed json-glib gives a wrong number, mostly a
 * negative one. */
gboolean json_get_int(JsonObject *object, const char *name, gint64 *ret_value,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As json_get_int(), but a negative number is an error. */
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

/* The element as a string or an object; NULL when it has another type. (transfer none) */
const char *json_get_element_string(JsonArray *array, guint index);
JsonObject *json_get_element_object(JsonArray *array, guint index);
