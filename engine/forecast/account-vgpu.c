/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What remains of one vGPU, and its dirty rate.
 *
 * The remaining bytes are the driver's own figure. It is the larger of two numbers: what a
 * stop-copy would send now (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE), and what is pending in pre-copy
 * (VFIO_MIG_GET_PRECOPY_INFO: initial and dirty bytes). The source that asked the driver last
 * counts. Between two readings the figure is the last reading, minus what was sent, plus what was
 * written meanwhile at the known dirty rate. Without a dirty rate, for a device that is sent while
 * the guest runs, this is a lower bound. QEMU's own estimates between two readings (up to 11.0)
 * only fall, even if the vGPU is written, so they are lower bounds too.
 *
 * The dirty rate: between two readings of the driver the remaining bytes grow by what is written
 * and shrink by what is sent, so
 *
 *	rate = max(0, (sent2 - sent1) + (left2 - left1)) / (time2 - time1)
 *
 * over 1 to 5 seconds, or since the previous reading where readings are rarer. Only readings count
 * for which the driver was asked. A block that QEMU holds is neither remaining nor sent. If this
 * block could be a large part of what was written the window gets longer, and until then the rate
 * is an estimate or a lower bound. A chunk that is written again before it was sent is not seen. So
 * the rate is a lower bound while much of the vRAM remains, and while initial bytes remain.
 *
 * The drivers' numbers are estimates and may be garbage: a number above twice the vRAM is rejected.
 */
#include "engine/forecast/account-vgpu.h"

#include <string.h>

#include "engine/data/vgpu-json.h"

#define VALID_US      (5 * G_USEC_PER_SEC)	      /* an older reading is useless */
#define MEASURED_US   (150 * (G_USEC_PER_SEC / 1000)) /* an older one has been extrapolated */
#define MIN_WINDOW_US G_USEC_PER_SEC
#define MAX_WINDOW_US (5 * G_USEC_PER_SEC)
#define OLD_US	      (30 * G_USEC_PER_SEC) /* an older rate is not used */
#define THIN_US	      (G_USEC_PER_SEC / 4)
#define BLOCK_BYTES   (1 << 20) /* read by QEMU from the driver and not sent yet */
#define SURE	      8		/* times its possible error: measured */
#define FAIR	      3		/* times: an estimate; below that a lower bound */
#define MUCH_OF_VRAM \
	10 /* 1/10 of the vRAM: above it, many writes hit memory that is dirty already */
#define MAX_VRAMS 2

/* From the best to the worst source. */
static const GwNumberSource readers[] = { GW_SOURCE_QEMU, GW_SOURCE_TRACE, GW_SOURCE_DEVICE };

void
account_vgpu_init(AccountVgpu *self, const GwVgpu *vgpu)
{
	memset(self, 0, sizeof *self);
	self->name = g_strdup(vgpu_display_name(vgpu));
	self->device_id = g_strdup(vgpu->name);
	self->stream_id =
		vgpu->guest_path != NULL ? g_strconcat(vgpu->guest_path, "/vfio", NULL) : NULL;
	self->vram_bytes = vgpu->vram_bytes;
	self->has_precopy =
		vgpu->migration_flags > 0 && (vgpu->migration_flags & GW_VGPU_PRE_COPY) != 0;
	self->lacks_data_size = vgpu->lacks_data_size;
	self->sent_bytes = self->precopy_bytes = -1;
	for (guint i = 0; i < G_N_ELEMENTS(self->kept); i++)
		self->kept[i].time_us = -1;
}

void
account_vgpu_clear(AccountVgpu *self)
{
	g_free(self->name);
	g_free(self->device_id);
	g_free(self->stream_id);
}

/* ---- readings ---- */

static gint64
pending_bytes(const AccountReading *reading)
{
	if (reading->initial_bytes < 0 || reading->dirty_bytes < 0)
		return -1;
	gint64 sum;
	return __builtin_add_overflow(reading->initial_bytes, reading->dirty_bytes, &sum)
		       ? G_MAXINT64
		       : sum;
}

static gboolean
is_garbage(const AccountVgpu *self, gint64 bytes)
{
	return self->vram_bytes >= 0 && bytes / MAX_VRAMS > self->vram_bytes;
}

/* Returns -1 for a reading that makes no sense. */
static gint64
left_bytes(const AccountVgpu *self, const AccountReading *reading)
{
	gint64 pending = pending_bytes(reading);
	gint64 stop = self->lacks_data_size ? -1 : reading->stop_bytes;
	gint64 left =
		MAX(is_garbage(self, pending) ? -1 : pending, is_garbage(self, stop) ? -1 : stop);
	/* If nothing is pending and the stop-copy is not known, everything may remain. */
	return left == 0 && stop < 0 && !self->has_precopy ? -1 : left;
}

static const AccountPoint *
point(const AccountVgpu *self, guint number)
{
	return &self->points[number % ACCOUNT_N_POINTS];
}

static void
add_point(AccountVgpu *self, GwNumberSource source, gint64 left, gint64 time_us)
{
	const AccountPoint *newest =
		self->n_points > 0 ? &self->points[(self->n_points - 1) % ACCOUNT_N_POINTS] : NULL;
	/* Never mix two sources in one rate window: they do not agree to the byte. Our own source
	 * (DEVICE) wins, because it asks most often. */
	if (source != self->points_source && source != GW_SOURCE_DEVICE && newest != NULL &&
	    time_us - newest->time_us < MAX_WINDOW_US / 2)
		return;
	if (source != self->points_source)
		self->n_points = 0;
	self->points_source = source;
	/* Keep the newest point, and as many older ones as a long window needs. */
	if (self->n_points > 1 &&
	    newest->time_us - point(self, self->n_points - 2)->time_us < THIN_US)
		self->n_points--;
	self->points[self->n_points++ % ACCOUNT_N_POINTS] =
		(AccountPoint){ time_us, left, self->sent_bytes };
}

void
account_vgpu_keep(AccountVgpu *self, GwNumberSource source, const AccountReading *reading,
		  gint64 time_us)
{
	g_return_if_fail(source < GW_SOURCE_MODEL);
	self->kept[source] = (AccountKept){ *reading, time_us, self->sent_bytes };
	gint64 left = left_bytes(self, reading);
	if (pending_bytes(reading) > 0)
		self->has_precopy = TRUE;
	if (!reading->is_fresh || left < 0 || self->sent_bytes < 0)
		return;
	self->is_first_pass = reading->initial_bytes > 0;
	add_point(self, source, left, time_us);
}

/* ---- what the readings say ---- */

/* Returns whether so much remains that many writes hit memory that is dirty already. */
static gboolean
is_much(const AccountVgpu *self, gint64 left_bytes)
{
	return self->vram_bytes < 0 || left_bytes > self->vram_bytes / MUCH_OF_VRAM;
}

/* Returns the number of the oldest point that is kept; the newest is n_points - 1. */
static guint
oldest_point(const AccountVgpu *self)
{
	return self->n_points > ACCOUNT_N_POINTS ? self->n_points - ACCOUNT_N_POINTS : 0;
}

/* Returns what QEMU may have held when this point was taken: no more than what remained then. */
static gint64
held_at(const AccountVgpu *self, guint number)
{
	if (number == oldest_point(self))
		return BLOCK_BYTES;
	return MIN(MAX(point(self, number - 1)->left_bytes, point(self, number)->left_bytes),
		   BLOCK_BYTES);
}

/* Returns what was written from @begin to the newest point, and the possible error. */
static gint64
written_since(const AccountVgpu *self, guint begin, gint64 *ret_off)
{
	const AccountPoint *from = point(self, begin), *to = point(self, self->n_points - 1);
	gint64 sent = MAX(to->sent_bytes - from->sent_bytes, 0);
	*ret_off = MIN(sent, MAX(held_at(self, begin), held_at(self, self->n_points - 1)));
	return MAX(sent + to->left_bytes - from->left_bytes, 0);
}

/* Returns the oldest point of the window, or one before it; the newest point itself when there is
 * no other. */
static guint
find_begin(const AccountVgpu *self)
{
	guint newest = self->n_points - 1, begin = newest;
	for (guint i = newest; i-- > oldest_point(self);) {
		gint64 age_us = point(self, newest)->time_us - point(self, i)->time_us, off;
		if (age_us < MIN_WINDOW_US)
			continue;
		gboolean is_enough = begin != newest && age_us > MAX_WINDOW_US &&
				     (written_since(self, begin, &off) >= off * SURE ||
				      is_much(self, point(self, i)->left_bytes));
		if (age_us > OLD_US || is_enough)
			break;
		begin = i;
	}
	return begin;
}

GwNumber
account_vgpu_dirty_rate(const AccountVgpu *self, gint64 time_us)
{
	if (self->n_points == 0 || !self->has_precopy)
		return GW_NUMBER_UNKNOWN;
	if (self->has_stopped)
		return gw_number(0, self->points_source, GW_CONFIDENCE_MEASURED);
	guint number = find_begin(self);
	const AccountPoint *begin = point(self, number), *newest = point(self, self->n_points - 1);
	if (begin == newest || time_us - newest->time_us > OLD_US)
		return GW_NUMBER_UNKNOWN;
	gint64 off, written = written_since(self, number, &off);
	double seconds = (double)(newest->time_us - begin->time_us) / G_USEC_PER_SEC;
	GwConfidence confidence =
		written >= off * SURE ? GW_CONFIDENCE_MEASURED : GW_CONFIDENCE_ESTIMATED;
	if (self->is_first_pass || is_much(self, newest->left_bytes) ||
	    is_much(self, begin->left_bytes) || written < off * FAIR) {
		written = MAX(written - off, 0);
		confidence = GW_CONFIDENCE_LOWER_BOUND;
	}
	return gw_number((gint64)((double)written / seconds), self->points_source, confidence);
}

/* Returns when the driver was asked for the reading of @source; -1: not known. */
static gint64
fresh_us(const AccountVgpu *self, GwNumberSource source)
{
	const AccountKept *kept = &self->kept[source];
	if (kept->reading.is_fresh)
		return kept->time_us;
	if (self->n_points == 0 || self->points_source != source)
		return -1;
	return MIN(point(self, self->n_points - 1)->time_us, kept->time_us);
}

/* Extrapolates a reading to @time_us. The result never exceeds the whole vRAM. */
static gint64
carry_on(const AccountVgpu *self, GwNumberSource source, gint64 left, GwNumber rate, gint64 time_us)
{
	const AccountKept *kept = &self->kept[source];
	gint64 most = MAX(self->vram_bytes, left), asked_us = fresh_us(self, source);
	double since_us = (double)(time_us - (asked_us >= 0 ? asked_us : kept->time_us));
	if (gw_number_is_known(rate))
		left += (gint64)((double)rate.value * since_us / G_USEC_PER_SEC);
	if (self->sent_bytes >= 0 && kept->sent_bytes >= 0)
		left -= self->sent_bytes - kept->sent_bytes;
	return CLAMP(left, 0, most);
}

static GwConfidence
confidence_of(const AccountVgpu *self, GwNumberSource source, GwNumber rate, gint64 age_us)
{
	const AccountKept *kept = &self->kept[source];
	if (age_us <= MEASURED_US && kept->reading.is_fresh)
		return GW_CONFIDENCE_MEASURED;
	gboolean is_asked = fresh_us(self, source) >= 0;
	if (!self->has_precopy || self->has_stopped || (is_asked && gw_number_is_known(rate)))
		return GW_CONFIDENCE_ESTIMATED;
	return GW_CONFIDENCE_LOWER_BOUND;
}

static GwNumber
left_by(const AccountVgpu *self, GwNumberSource source, gint64 time_us)
{
	const AccountKept *kept = &self->kept[source];
	gint64 left = kept->time_us >= 0 ? left_bytes(self, &kept->reading) : -1;
	gint64 age_us = MAX(time_us - kept->time_us, 0);
	if (left < 0 || (age_us > VALID_US && !self->has_stopped))
		return GW_NUMBER_UNKNOWN;
	GwNumber rate = account_vgpu_dirty_rate(self, time_us);
	return gw_number(carry_on(self, source, left, rate, time_us), source,
			 confidence_of(self, source, rate, age_us));
}

/* Takes the best source, unless a worse one has asked the driver later. */
GwNumber
account_vgpu_left(const AccountVgpu *self, gint64 time_us)
{
	GwNumber best = GW_NUMBER_UNKNOWN;
	gint64 asked_us = 0;
	for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
		GwNumber left = left_by(self, readers[i], time_us);
		gint64 its_us = fresh_us(self, readers[i]);
		if (!gw_number_is_known(left) ||
		    (gw_number_is_known(best) && its_us <= MAX(asked_us, 0) + MEASURED_US))
			continue;
		best = left;
		asked_us = its_us;
	}
	return best;
}

gboolean
account_vgpu_is_told(const AccountVgpu *self, GwNumberSource worse_than, gint64 time_us)
{
	for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
		const AccountKept *kept = &self->kept[readers[i]];
		/* Our own question to the driver improves on QEMU, which asks it only rarely. */
		gboolean is_enough =
			worse_than != GW_SOURCE_DEVICE ||
			(kept->reading.is_fresh && time_us - kept->time_us <= MEASURED_US);
		if (readers[i] < worse_than && is_enough &&
		    gw_number_is_known(left_by(self, readers[i], time_us)))
			return TRUE;
	}
	return FALSE;
}

GwNumber
account_vgpu_bound(const AccountVgpu *self)
{
	gint64 stop_copy_bytes =
		self->precopy_bytes >= 0 ? self->sent_bytes - self->precopy_bytes : 0;
	if (self->vram_bytes < 0)
		return GW_NUMBER_UNKNOWN;
	/* What was sent in the stop-copy is not sent again. */
	if (stop_copy_bytes > 0)
		return gw_number(MAX(self->vram_bytes - stop_copy_bytes, 0), self->sent_source,
				 GW_CONFIDENCE_BOUND);
	return gw_number(self->vram_bytes, GW_SOURCE_FRAMEBUFFER, GW_CONFIDENCE_BOUND);
}

char *
account_vgpu_doubt(AccountVgpu *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(readers) && !self->is_doubted; i++) {
		const AccountKept *kept = &self->kept[readers[i]];
		gint64 most = MAX(pending_bytes(&kept->reading), kept->reading.stop_bytes);
		if (kept->time_us < 0 || !is_garbage(self, most))
			continue;
		self->is_doubted = TRUE;
		return g_strdup_printf("vGPU '%s' has %" G_GINT64_FORMAT
				       " bytes of vRAM, and its driver says that %" G_GINT64_FORMAT
				       " remain: this is ignored",
				       self->name, self->vram_bytes, most);
	}
	return NULL;
}
