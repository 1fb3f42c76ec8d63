/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a session from the options of migrate and check. It checks every value before anything is
 * touched. A wrong value ends with exit code 2.
 */
#include "tools/session-options.h"

#include "engine/gw-vm.h"
#include "tools/address.h"
#include "tools/channel-options.h"
#include "tools/units.h"

#define MAX_DOWNTIME_LIMIT_US (2000 * G_USEC_PER_SEC) /* QEMU's own limit */

#define AT(member) G_STRUCT_OFFSET(SessionOptions, member)

/* clang-format off */
const CmdOption session_options[] = {
	{ "qmp", AT(qmp), "SOCK", "The monitor of the QEMU to move" },
	{ "vm", AT(vm), "VMFILE", "The VM file of that QEMU, instead of --qmp" },
	{ "to", AT(to), "HOST[:PORT]", "The agent at the destination" },
	{ "downtime-limit", AT(downtime_limit), "TIME",
	  "The longest pause that is allowed (300ms)" },
	{ "bandwidth", AT(bandwidth), "RATE",
	  "The most to send per second, as 10Gbit or 1GiB" },
	{ "on-stall", AT(on_stall), "WORD",
	  "If it does not converge: wait, throttle, extend or abort" },
	{ "timeout", AT(timeout), "TIME", "Give up if pre-copy takes longer, as 10m" },
	{ "peer-timeout", AT(peer_timeout), "TIME",
	  "Silence after which the other host counts as lost (5s)" },
	{ "channels", AT(channels), "N", "Send over N connections at once (multifd)" },
	{ "transport", AT(transport), "WORD",
	  "direct: QEMU gets the socket; relay: through this program" },
	{ "account", AT(account), NULL, "Count the bytes of each device (with relay)" },
	{ "switchover-bandwidth", AT(switchover_bandwidth), "RATE",
	  "The bandwidth of the network in the switchover" },
	{ "capability", AT(capabilities), "NAMES",
	  "Switch on these migration capabilities of QEMU" },
	{ "allow", AT(allow), "WORDS", "Treat errors as warnings: codes, or CODE:SUBJECT for one" },
	{ "bind", AT(bind), "ADDR[=HOST]",
	  "Connect from this local address, to HOST; may be repeated", TRUE },
	{ "congestion", AT(congestion), "NAME",
	  "The kernel's congestion control, as cubic or bbr" },
	{ "send-queue", AT(send_queue), "SIZE",
	  "The most unsent bytes in a channel (128KiB)" },
	{ "ask-devices", AT(ask_devices), NULL, "Ask the vGPUs' drivers how much remains" },
	{ "paused", AT(paused), NULL, "Leave the guest paused at the destination" },
	{ "keep-source", AT(keep_source), NULL,
	  "Keep the source's QEMU, stopped, after success" },
	{ "tls-dir", AT(tls_dir), "DIR", "Encrypt, with the certificates of this folder" },
	{ "tls-hostname", AT(tls_hostname), "NAME",
	  "The name in the agent's certificate, if it is not the host in --to" },
	{ "insecure", AT(insecure), NULL,
	  "Allow plain text over other networks than loopback" },
	{ "hook", AT(hook), "CMD", "Run this shell command at the start of each phase" },
	{ "state-dir", AT(state_dir), "DIR", "The folder of the journal" },
	{ NULL },
};
/* clang-format on */

int
monitor_from_options(const char *vm, const char *qmp, char **ret_path, char **ret_name)
{
	if ((vm == NULL) == (qmp == NULL))
		return cmd_usage("say which VM: either --vm VMFILE or --qmp SOCK");
	if (qmp != NULL) {
		*ret_path = g_strdup(qmp);
		*ret_name = NULL;
		return 0;
	}
	GError *error = NULL;
	g_autoptr(GwVm) file = gw_vm_load(vm, &error);
	if (file == NULL)
		return cmd_fail(EXIT_USAGE, error);
	*ret_path = g_strdup(file->qmp_path);
	*ret_name = g_strdup(file->name);
	return 0;
}

static gboolean
parse_downtime(const char *text, gint64 *ret_us, GError **error)
{
	if (!units_parse_duration(text, ret_us, error))
		return FALSE;
	if (*ret_us <= MAX_DOWNTIME_LIMIT_US)
		return TRUE;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "'%s' is more than 2000s, the longest that QEMU accepts", text);
	return FALSE;
}

static gboolean
parse_peer_timeout(const char *text, gint64 *ret_us, GError **error)
{
	if (!units_parse_duration(text, ret_us, error))
		return FALSE;
	if (*ret_us >= G_USEC_PER_SEC && *ret_us <= 600 * G_USEC_PER_SEC)
		return TRUE;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "'%s' is not between 1s and 10m", text);
	return FALSE;
}

static int
refuse_word(const char *word)
{
	g_autofree char *of_one = g_strconcat(word, ":x", NULL);
	if (gw_code_can_be_allowed(of_one))
		return cmd_usage("--allow: '%s' needs a subject (CODE:SUBJECT), as 'godwit check' "
				 "shows it",
				 word);
	g_autofree char *allowable = gw_codes_that_can_be_allowed();
	return cmd_usage("--allow: '%s' cannot be allowed; these can: %s", word, allowable);
}

/* The capabilities are QEMU's names. The plan reports those that are not known. */
static int
apply_words(const SessionOptions *self, GwSession *session)
{
	g_auto(GStrv) capabilities =
		g_strsplit(self->capabilities != NULL ? self->capabilities : "", ",", -1);
	g_auto(GStrv) codes = g_strsplit(self->allow != NULL ? self->allow : "", ",", -1);
	for (guint i = 0; codes[i] != NULL; i++)
		if (!gw_code_can_be_allowed(codes[i]))
			return refuse_word(codes[i]);
	gw_session_set_allowed(session, (const char *const *)codes);
	gw_session_set_capabilities(session, (const char *const *)capabilities);
	return 0;
}

typedef gboolean (*Parse)(const char *text, gint64 *ret_value, GError **error);

/* Options with a number. */
static const struct {
	const char *name;
	gsize offset;
	Parse parse;
	void (*set)(GwSession *session, gint64 value);
} numbers[] = {
	{ "downtime-limit", AT(downtime_limit), parse_downtime, gw_session_set_downtime_limit },
	{ "bandwidth", AT(bandwidth), units_parse_rate, gw_session_set_bandwidth },
	{ "timeout", AT(timeout), units_parse_duration, gw_session_set_timeout },
	{ "switchover-bandwidth", AT(switchover_bandwidth), units_parse_rate,
	  gw_session_set_switchover_bandwidth },
	{ "peer-timeout", AT(peer_timeout), parse_peer_timeout, gw_session_set_peer_timeout },
	{ "send-queue", AT(send_queue), units_parse_size, gw_session_set_send_queue },
};

/* Options whose text the session takes as it is; NULL is its default. */
static const struct {
	gsize offset;
	void (*set)(GwSession *session, const char *text);
} texts[] = {
	{ AT(hook), gw_session_set_hook },
	{ AT(state_dir), gw_session_set_state_dir },
	{ AT(tls_dir), gw_session_set_tls_dir },
	{ AT(tls_hostname), gw_session_set_tls_hostname },
};

static const struct {
	gsize offset;
	void (*set)(GwSession *session, gboolean flag);
} flags[] = {
	{ AT(account), gw_session_set_account },   { AT(ask_devices), gw_session_set_ask_devices },
	{ AT(paused), gw_session_set_paused },	   { AT(keep_source), gw_session_set_keep_source },
	{ AT(insecure), gw_session_set_insecure },
};

static const char *
text_at(const SessionOptions *self, gsize offset)
{
	return G_STRUCT_MEMBER(const char *, self, offset);
}

static int
apply_numbers(const SessionOptions *self, GwSession *session)
{
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		const char *text = text_at(self, numbers[i].offset);
		g_autoptr(GError) error = NULL;
		gint64 value;
		if (text == NULL)
			continue;
		if (!numbers[i].parse(text, &value, &error))
			return cmd_usage("--%s: %s", numbers[i].name, error->message);
		numbers[i].set(session, value);
	}
	return 0;
}

static void
apply_texts_and_flags(const SessionOptions *self, GwSession *session)
{
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		if (text_at(self, texts[i].offset) != NULL)
			texts[i].set(session, text_at(self, texts[i].offset));
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
		flags[i].set(session, G_STRUCT_MEMBER(gboolean, self, flags[i].offset));
}

static int
apply_on_stall(const SessionOptions *self, GwSession *session)
{
	GwOnStall on_stall;
	if (self->on_stall == NULL)
		return 0;
	if (!gw_on_stall_from_string(self->on_stall, &on_stall))
		return cmd_usage(
			"--on-stall: '%s' is not known: say wait, throttle, extend or abort",
			self->on_stall);
	gw_session_set_on_stall(session, on_stall);
	return 0;
}

int
session_options_apply(const SessionOptions *self, GwSession **ret_session)
{
	if (self->to == NULL)
		return cmd_usage("say where to: --to HOST[:PORT]");
	g_autofree char *host = NULL;
	guint16 port;
	g_autoptr(GError) error = NULL;
	if (!address_parse(self->to, 1, &host, &port, &error))
		return cmd_usage("--to: %s", error->message);
	g_autofree char *path = NULL;
	g_autofree char *name = NULL;
	int exit_code = monitor_from_options(self->vm, self->qmp, &path, &name);
	if (exit_code != 0)
		return exit_code;

	g_autoptr(GwSession) session = gw_session_new(path, host, port);
	static int (*const parts[])(const SessionOptions *self,
				    GwSession *session) = { apply_numbers, channel_options_apply,
							    apply_words, apply_on_stall };
	for (guint i = 0; exit_code == 0 && i < G_N_ELEMENTS(parts); i++)
		exit_code = parts[i](self, session);
	if (exit_code != 0)
		return exit_code;
	apply_texts_and_flags(self, session);
	if (name != NULL)
		gw_session_set_vm_name(session, name);
	*ret_session = g_steal_pointer(&session);
	return 0;
}
