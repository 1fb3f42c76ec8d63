/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* Inside the program model-qemu: what its files model-*.c share. See model-qemu.h for what it does. */

typedef struct {
	char *qmp_path, *name, *uuid, *machine, *log_path, *cont_stderr; /* (owned) */
	char *commands_path, *blocked, *earlier, *state, *trace;	 /* (owned) (nullable) */
	gboolean stopped, incoming, deaf, modern, swap_events, cancel_late, cancel_hangs;
	gboolean fails_paused;
	gint64 ram_mib, vcpus, active_ms, device_ms, resume_ms, tidy_ms, passes_per_s;
	GHashTable *on;		  /* (owned): "command" or "command#2" -> action */
	GHashTable *at;		  /* (owned): status -> action */
	GHashTable *words;	  /* (owned): status -> word */
	GHashTable *late;	  /* (owned): a question -> its answer from pre-switchover on */
	GHashTable *capabilities; /* (owned): those that are on from the start */
} ModelOptions;

void model_options_parse(ModelOptions *self, int argc, char **argv);

typedef struct {
	ModelOptions options;
	GString *out; /* (owned): what goes to the monitor's client */

	const char *run_state;
	gboolean autostart; /* the guest starts by itself when it has come in */
	gboolean was_running;

	const char *status; /* of the migration; NULL before the first */
	char *error_desc;   /* (owned) (nullable) */
	gboolean exit_on_error;
	gboolean incoming_begun;
	gint64 begin_us;   /* of the migration */
	gint64 next_us;	   /* when something happens by itself; 0 for never */
	gint64 tidy_us;	   /* when it has put away what a failed one has used; G_MAXINT64: not by
			 * itself */
	gint64 pages_us;   /* when the next line of pages goes out; 0 for never */
	gboolean loaded;   /* the destination has answered */
	int stream;	   /* (owned) or -1 */
	GString *incoming; /* (owned): of the stream, not yet understood */

	GHashTable *capabilities; /* (owned): name -> GINT_TO_POINTER(gboolean) */
	GHashTable *parameters;	  /* (owned): name -> gint64 *, owned */
	GHashTable *fds;	  /* (owned): name -> GINT_TO_POINTER(fd), closed when removed */
	GHashTable *counts;	  /* (owned): command -> how often it came */
	char *object;		  /* (owned) (nullable): its id */
	int passed_fd;		  /* came by SCM_RIGHTS and was not taken, or -1 */
} Model;

void model_init(Model *self);
gint64 model_now_us(void);
G_GNUC_PRINTF(2, 3) void model_event(Model *self, const char *name, ...);
void model_set_running(Model *self, gboolean running, const char *run_state);
void model_set_status(Model *self, const char *status);
const char *model_word(Model *self, const char *status);
gboolean model_capability(Model *self, const char *name);
/* Does what an action of --on or --at says about the process itself. %FALSE when it is another
 * action. */
gboolean model_act(Model *self, const char *action);

/* The migration, model-stream.c. */
void model_migrate(Model *self, int fd);
void model_incoming(Model *self, int fd);
void model_continue(Model *self);
void model_cancel(Model *self);
void model_yank(Model *self);
gboolean model_is_migrating(Model *self);
/* Has it yet to put away what a migration that failed has used? */
gboolean model_is_untidy(Model *self);
/* Time has passed. */
void model_tick(Model *self);
/* Is the stream looked at now? */
gboolean model_wants_stream(Model *self);
/* It can be read, or has ended. */
void model_read_stream(Model *self);

/* The migration's capabilities and parameters, model-settings.c. (transfer full): JSON, and why it
 * is refused, NULL for done. */
char *model_list_capabilities(Model *self);
char *model_set_capabilities(Model *self, JsonObject *arguments);
char *model_list_parameters(Model *self);
char *model_set_parameters(Model *self, JsonObject *arguments);

/* The objects that a user adds, model-objects.c. (transfer full): JSON */
char *model_list_objects(Model *self, const char *path);
/* @id: (nullable): there is none from now on */
void model_set_object(Model *self, const char *id);

/* The trace points and the log, model-trace.c. (transfer full): JSON, and what the human monitor
 * says. */
char *model_trace_query(Model *self);
void model_trace_set(Model *self, gboolean on);
char *model_monitor(Model *self, const char *line);

/* One line from the monitor's client, model-command.c. %FALSE when the monitor is to be closed. */
gboolean model_command(Model *self, const char *line);
