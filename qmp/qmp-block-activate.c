/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU 10.0 has a command for it. Older ones activate a node when it is exported (tried with 7.2):
 * so the node of each device is exported by an NBD server for a moment. That server listens on a
 * socket whose name is removed before it listens, so nobody can reach it.
 */
#include "qmp/qmp-block-activate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"
#include "qmp/qmp-migration.h"

#define FD_NAME	  "godwit-activate"
#define EXPORT_ID "godwit-activate"
#define MAX_NODES 1024

/* Binds @fd to a name in a folder of its own, and removes both. */
static gboolean
bind_and_hide(int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_autofree char *folder = g_dir_make_tmp("godwit-XXXXXX", NULL);
	if (folder == NULL)
		return FALSE;
	g_autofree char *path = g_strconcat(folder, "/s", NULL);
	gboolean fits = g_strlcpy(address.sun_path, path, sizeof address.sun_path) <
			sizeof address.sun_path;
	gboolean bound = fits && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
	if (bound)
		g_unlink(path);
	g_rmdir(folder);
	return bound && listen(fd, 1) == 0;
}

static gboolean
pass_socket(QmpClient *client, GError **error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	gboolean done = fd >= 0 && bind_and_hide(fd);
	if (!done)
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
			    "a socket for an export: %s", g_strerror(errno));
	else
		done = qmp_getfd(client, FD_NAME, fd, error);
	if (fd >= 0)
		close(fd);
	return done;
}

static gboolean
start_server(QmpClient *client, GError **error)
{
	JsonObject *address = json_object_new();
	json_object_set_string_member(address, "type", "fd");
	JsonNode *data = qmp_call_strings("str", FD_NAME, NULL);
	json_object_set_member(address, "data", data);
	JsonNode *arguments = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new();
	json_object_set_object_member(object, "addr", address);
	json_node_take_object(arguments, object);
	return pass_socket(client, error) &&
	       qmp_call(client, "nbd-server-start", arguments, NULL, error);
}

static gboolean
export_node(QmpClient *client, const char *node, GError **error)
{
	return qmp_call(client, "block-export-add",
			qmp_call_strings("type", "nbd", "id", EXPORT_ID, "node-name", node, NULL),
			NULL, error) &&
	       qmp_call(client, "block-export-del",
			qmp_call_strings("id", EXPORT_ID, "mode", "hard", NULL), NULL, error);
}

/* (transfer full): the names of the nodes that devices use; empty where there are none. QEMU
 * activates the nodes below each of them too. */
static GPtrArray *
list_nodes(QmpClient *client)
{
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "query-block", NULL, NULL, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	JsonArray *array =
		reply != NULL && JSON_NODE_HOLDS_ARRAY(reply) ? json_node_get_array(reply) : NULL;
	guint n = array != NULL ? MIN(json_array_get_length(array), MAX_NODES) : 0;
	for (guint i = 0; i < n; i++) {
		JsonObject *device = json_get_element_object(array, i);
		JsonObject *medium = NULL;
		const char *name = NULL;
		if (device != NULL && json_get_object_opt(device, "inserted", &medium, NULL) &&
		    medium != NULL && json_get_string(medium, "node-name", &name, NULL))
			g_ptr_array_add(names, g_strdup(name));
	}
	return names;
}

static gboolean
export_all(QmpClient *client, const GPtrArray *nodes, GError **error)
{
	for (guint i = 0; i < nodes->len; i++)
		if (!export_node(client, g_ptr_array_index(nodes, i), error))
			return FALSE;
	return TRUE;
}

static gboolean
set_active(QmpClient *client)
{
	JsonNode *arguments = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new();
	json_object_set_boolean_member(object, "active", TRUE);
	json_node_take_object(arguments, object);
	return qmp_call(client, "blockdev-set-active", arguments, NULL, NULL);
}

gboolean
qmp_activate_disks(QmpClient *client, GError **error)
{
	g_autoptr(GPtrArray) nodes = list_nodes(client);
	if (nodes->len == 0 || set_active(client))
		return TRUE;
	if (!start_server(client, error))
		return FALSE;
	gboolean done = export_all(client, nodes, error);
	/* A server that stays behind would end the next migration's plan, so this counts too. */
	return qmp_call(client, "nbd-server-stop", NULL, NULL, done ? error : NULL) && done;
}
