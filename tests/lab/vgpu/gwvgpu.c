// SPDX-License-Identifier: GPL-2.0-only
/*
 * gwvgpu: vGPUs with no GPU under them, to test the live migration of vGPUs.
 *
 * Theory of operation
 *
 * Parents (gwvgpu0, gwvgpu1...) are plain devices of a class. Each offers the same mdev types, named and
 * described as NVIDIA's are, and has a framebuffer budget that all its vGPUs share: a type can be created
 * as long as the budget has room. A vGPU is a PCI display device with registers (BAR0) and a window on its
 * vRAM (BAR2). Neither can be mapped: each access of the CPU traps into this driver.
 *
 * The GPU engine is a delayed work that rewrites vRAM, chunk by chunk (4 KiB), at a set rate. No CPU of the
 * guest and no page table takes part: neither QEMU nor KVM can see these writes, just as on a real board.
 *
 * Three bitmaps have one bit a chunk: `used` is every chunk written since the reset, `dirty` what a running
 * save has to send yet, `initial` those of `dirty` that were there when the save began. A save walks over
 * `dirty` in groups of 64 chunks, copies one group at a time into a buffer of its own (so memory stays
 * bounded) and clears the bits. When nothing is dirty a pre-copy reads ENOMSG, a stop-copy sends the tail and
 * then ends. A load writes the chunks straight into vRAM.
 *
 * The image, in x86-64's byte order: gw_head; any number of gw_batch, each followed by the chunks that its
 * bitmap names; gw_tail, with the digest of the whole vRAM and what the engine needs to go on. Broken
 * structure is refused at once, by write(); driver version, completeness and digest at RESUMING to STOP, as
 * real drivers do.
 *
 * Locks: a vGPU's `lock` covers all of it, its transfers too; a parent's `lock` covers its budget and
 * faults; a parent's is never taken with a vGPU's held. No spin lock, nothing here runs in atomic context. A
 * transfer's file holds a reference of the vGPU, so it may outlive it; `dead` then makes it useless.
 *
 * Faults are files in fault/ of a parent, inherited by the vGPUs created later, and of a vGPU. A text is
 * "VALUE" or "VALUE TIMES"; see gw_fault_names.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xxhash.h>

#ifndef GWVGPU_VERSION
#define GWVGPU_VERSION "1.0.0"
#endif

#define CHUNK_BYTES	4096u
#define GROUP_CHUNKS	64u
#define OFFSET_SHIFT	40 /* of a region in the device's file */
#define REGISTERS_BYTES 4096u
#define CONFIG_BYTES	256u
#define RATE_MAX	(16ull << 30) /* bytes a second */
#define TICK_JIFFIES	(HZ / 50)
#define TICK_MAX_NS	(200ull * NSEC_PER_MSEC)
#define PARENTS_MAX	64u
#define ALWAYS		U32_MAX

static unsigned int parents = 4;
module_param(parents, uint, 0444);
MODULE_PARM_DESC(parents, "number of parent devices (4)");

static unsigned int budget_mib = 64;
module_param(budget_mib, uint, 0444);
MODULE_PARM_DESC(budget_mib, "framebuffer of a parent, in MiB, shared by its vGPUs (64)");

static unsigned int per_parent;
module_param(per_parent, uint, 0444);
MODULE_PARM_DESC(per_parent,
		 "most vGPUs of a parent, 1 is as an SR-IOV function (0: no limit but the budget)");

/* ---- the image ---- */

#define HEAD_MAGIC    0x5550475657474d49ull
#define BATCH_MAGIC   0x48435442u
#define TAIL_MAGIC    0x4c494154u
#define IMAGE_FORMAT  1u
#define VERSION_BYTES 32

struct gw_head {
	u64 magic;
	u32 format;
	u32 type;
	u64 vram_bytes;
	u32 chunk_bytes;
	u32 reserved;
	char driver_version[VERSION_BYTES];
};

struct gw_batch {
	u32 magic;
	u32 group;
	u64 chunks;
};

struct gw_tail {
	u32 magic;
	u32 reserved;
	u64 digest;
	u64 rate;
	u64 working_set;
	u64 position;
	u64 generation;
	u64 dirtied;
	u64 seed;
};

#define SAVE_BYTES (sizeof(struct gw_batch) + GROUP_CHUNKS * CHUNK_BYTES)

static_assert(sizeof(struct gw_head) == 64);
static_assert(sizeof(struct gw_batch) == 16);
static_assert(sizeof(struct gw_tail) == 64);

/* ---- faults ---- */

enum gw_fault_id {
	NO_MIGRATION,
	NO_PRECOPY,
	NO_P2P,
	NO_DATA_SIZE,
	FAIL_ARC,
	READ_ERROR,
	LOAD_ERROR,
	AFTER_BYTES,
	SLOW_READ,
	REFUSE_IMAGE,
	BLOCK_REMOVE,
	N_FAULTS
};

/* The names of the files in fault/, besides driver_version. */
static const char *const gw_fault_names[N_FAULTS] = {
	[NO_MIGRATION] = "no_migration", /* 1: no migration at all, as a driver without it */
	[NO_PRECOPY] = "no_precopy",	 /* 1: no PRE_COPY */
	[NO_P2P] = "no_p2p",		 /* 1: no P2P */
	[NO_DATA_SIZE] = "no_data_size", /* 1: MIG_DATA_SIZE is not known */
	[FAIL_ARC] = "fail_arc",     /* FROM>TO: this arc gives EIO, once unless TIMES says else */
	[READ_ERROR] = "read_error", /* ERRNO of a read of the image, once */
	[LOAD_ERROR] = "load_error", /* ERRNO of a write of the image, once */
	[AFTER_BYTES] = "after_bytes",	 /* the two above wait for so many bytes of the transfer */
	[SLOW_READ] = "slow_read",	 /* bytes a second that a read gives at most */
	[REFUSE_IMAGE] = "refuse_image", /* 1: RESUMING to STOP gives EINVAL, once */
	[BLOCK_REMOVE] =
		"block_remove", /* ms that a removal blocks, or until 0 is written; parents only */
};

struct gw_faults {
	struct {
		u64 value;
		u32 left;
	} all[N_FAULTS];
	char driver_version[VERSION_BYTES];
};

/* Faults that would never end a test if they stayed are for once, settings for always. */
static u32
gw_fault_times(enum gw_fault_id id)
{
	return id == FAIL_ARC || id == READ_ERROR || id == LOAD_ERROR || id == REFUSE_IMAGE
		       ? 1
		       : ALWAYS;
}

static u64
gw_fault_value(const struct gw_faults *faults, enum gw_fault_id id)
{
	return faults->all[id].left != 0 ? faults->all[id].value : 0;
}

/* Returns the fault's value, or 0 for none, and counts it as fired. */
static u64
gw_fault_fire(struct gw_faults *faults, enum gw_fault_id id)
{
	u64 value = gw_fault_value(faults, id);

	if (value != 0 && faults->all[id].left != ALWAYS)
		faults->all[id].left--;
	return value;
}

/* ---- what there is ---- */

struct gw_type_info {
	const char *id;
	const char *name;
	const char *resolution;
	u32 number;
	u32 mib;
};

static const struct gw_type_info gw_type_infos[] = {
	{ "62", "GWVGPU V1-0B", "2560x1600", 62, 4 },
	{ "63", "GWVGPU V1-1Q", "5120x2880", 63, 16 },
	{ "64", "GWVGPU V1-2Q", "7680x4320", 64, 32 },
	{ "65", "GWVGPU V1-4Q", "7680x4320", 65, 64 },
};

#define N_TYPES ARRAY_SIZE(gw_type_infos)

struct gw_type {
	struct mdev_type type;
	const struct gw_type_info *info;
};

struct gw_parent {
	struct device dev;
	struct mdev_parent mdev;
	struct gw_type types[N_TYPES];
	struct mdev_type *type_list[N_TYPES];
	struct mutex lock; /* the budget and the faults */
	u64 free_bytes;
	unsigned int n_vgpus;
	struct gw_faults faults;
	wait_queue_head_t unblocked;
};

struct gw_vgpu;

/* Where in the image a load is. */
enum gw_load_stage { LOAD_HEAD, LOAD_RECORD, LOAD_TAIL, LOAD_CHUNKS, LOAD_DONE };

/* One transfer session, saving or loading: what its file descriptor stands for. */
struct gw_transfer {
	struct gw_vgpu *vgpu; /* held by a reference */
	struct file *file;
	bool dead;
	u64 bytes; /* that have passed through the file */
	/* saving */
	bool head_done, final, tail_done;
	u32 next_group;
	size_t at, filled;
	u8 *buffer;
	/* loading */
	enum gw_load_stage stage;
	struct gw_batch batch;
	u32 chunk_at;
	size_t staged;
	union {
		u8 raw[64];
		struct gw_head head;
		struct gw_batch batch;
		struct gw_tail tail;
	} staging;
	struct gw_head head;
};

struct gw_vgpu {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	struct gw_parent *parent;
	const struct gw_type_info *info;
	struct mutex lock; /* everything below */
	bool open;
	enum vfio_device_mig_state state;
	struct gw_transfer *transfer;
	wait_queue_head_t readable;
	struct gw_faults faults;
	char params[256];

	u8 *vram;
	u64 vram_bytes;
	u32 n_chunks, n_groups;
	unsigned long *used, *dirty, *initial;
	u32 n_used, n_dirty, n_initial;

	struct delayed_work engine;
	u64 engine_last_ns, carry_bytes;
	struct work_struct dma;
	u64 dma_iova;
	u8 dma_value;
	int dma_result;
	u64 rate, working_set, position, generation, seed;

	u8 config[CONFIG_BYTES], writable[CONFIG_BYTES];

	/* the truth, for tests */
	u64 dirtied, sent, loaded, stop_digest, load_digest;
	u32 resets;
};

static struct workqueue_struct *gw_queue;
static void gw_dma_work(struct work_struct *work);
static struct gw_parent *gw_parents[PARENTS_MAX];
static const struct class gw_class = { .name = "gwvgpu" };

static const char *const gw_state_names[] = {
	[VFIO_DEVICE_STATE_ERROR] = "error",
	[VFIO_DEVICE_STATE_STOP] = "stop",
	[VFIO_DEVICE_STATE_RUNNING] = "running",
	[VFIO_DEVICE_STATE_STOP_COPY] = "stop-copy",
	[VFIO_DEVICE_STATE_RESUMING] = "resuming",
	[VFIO_DEVICE_STATE_RUNNING_P2P] = "running-p2p",
	[VFIO_DEVICE_STATE_PRE_COPY] = "pre-copy",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre-copy-p2p",
};

static struct gw_vgpu *
to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct gw_vgpu, vdev);
}

static bool
gw_is_precopy(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_PRE_COPY || state == VFIO_DEVICE_STATE_PRE_COPY_P2P;
}

/* Does the GPU compute? In the P2P states it does; it only starts no DMA. */
static bool
gw_computes(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_RUNNING || state == VFIO_DEVICE_STATE_RUNNING_P2P ||
	       gw_is_precopy(state);
}

static bool
gw_may_dma(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_RUNNING || state == VFIO_DEVICE_STATE_PRE_COPY;
}

/* ---- vRAM ---- */

static u64
gw_digest(const struct gw_vgpu *vgpu)
{
	struct xxh64_state state;
	u64 at;

	xxh64_reset(&state, 0);
	for (at = 0; at < vgpu->vram_bytes; at += SZ_1M) {
		xxh64_update(&state, vgpu->vram + at, SZ_1M);
		cond_resched();
	}
	return xxh64_digest(&state);
}

static void
gw_mark_written(struct gw_vgpu *vgpu, u32 chunk)
{
	if (!__test_and_set_bit(chunk, vgpu->used))
		vgpu->n_used++;
	if (gw_is_precopy(vgpu->state) && !__test_and_set_bit(chunk, vgpu->dirty))
		vgpu->n_dirty++;
}

static void
gw_clear_vram(struct gw_vgpu *vgpu)
{
	memset(vgpu->vram, 0, vgpu->vram_bytes);
	bitmap_zero(vgpu->used, vgpu->n_chunks);
	bitmap_zero(vgpu->dirty, vgpu->n_chunks);
	bitmap_zero(vgpu->initial, vgpu->n_chunks);
	vgpu->n_used = 0;
	vgpu->n_dirty = 0;
	vgpu->n_initial = 0;
}

/* What a chunk holds follows from its number, the seed and the generation; no two are alike. */
static void
gw_write_chunk(struct gw_vgpu *vgpu, u32 chunk)
{
	u64 *word = (u64 *)(vgpu->vram + (u64)chunk * CHUNK_BYTES);
	u64 value = (vgpu->seed ^ ++vgpu->generation) * 0x9e3779b97f4a7c15ull + chunk;
	u32 i;

	for (i = 0; i < CHUNK_BYTES / sizeof(*word); i++)
		word[i] = value += 0xd1342543de82ef95ull;
	gw_mark_written(vgpu, chunk);
	vgpu->dirtied += CHUNK_BYTES;
}

/* A GPU after a reset: nothing in vRAM, no work. */
static void
gw_blank(struct gw_vgpu *vgpu)
{
	gw_clear_vram(vgpu);
	vgpu->rate = 0;
	vgpu->carry_bytes = 0;
	vgpu->working_set = vgpu->vram_bytes;
	vgpu->position = 0;
	vgpu->generation = 0;
	vgpu->seed = 0;
	vgpu->dirtied = 0;
}

/* ---- the engine ---- */

static void
gw_engine_kick(struct gw_vgpu *vgpu)
{
	if (vgpu->open && vgpu->rate != 0)
		queue_delayed_work(gw_queue, &vgpu->engine, TICK_JIFFIES);
}

/* Writes what is due since the last tick. More than the working set would only write it twice. */
static void
gw_engine_work(struct gw_vgpu *vgpu, u64 elapsed_ns)
{
	u32 n_working = vgpu->working_set / CHUNK_BYTES;
	u64 due = vgpu->carry_bytes +
		  mul_u64_u64_div_u64(vgpu->rate, min(elapsed_ns, TICK_MAX_NS), NSEC_PER_SEC);
	u64 n = min_t(u64, due / CHUNK_BYTES, n_working);

	vgpu->carry_bytes = due % CHUNK_BYTES;
	for (; n != 0; n--) {
		gw_write_chunk(vgpu, vgpu->position);
		vgpu->position = (vgpu->position + 1) % n_working;
	}
	if (gw_is_precopy(vgpu->state))
		wake_up_interruptible(&vgpu->readable);
}

static void
gw_engine_tick(struct work_struct *work)
{
	struct gw_vgpu *vgpu = container_of(to_delayed_work(work), struct gw_vgpu, engine);
	u64 now_ns = ktime_get_ns();

	guard(mutex)(&vgpu->lock);
	if (gw_computes(vgpu->state))
		gw_engine_work(vgpu, now_ns - vgpu->engine_last_ns);
	vgpu->engine_last_ns = now_ns;
	gw_engine_kick(vgpu);
}

static void
gw_set_rate(struct gw_vgpu *vgpu, u64 rate)
{
	vgpu->rate = min(rate, RATE_MAX);
	vgpu->engine_last_ns = ktime_get_ns();
	gw_engine_kick(vgpu);
}

static void
gw_set_working_set(struct gw_vgpu *vgpu, u64 bytes)
{
	vgpu->working_set =
		clamp_t(u64, round_down(bytes, CHUNK_BYTES), CHUNK_BYTES, vgpu->vram_bytes);
	vgpu->position = 0;
}

/* ---- saving ---- */

static const char *
gw_driver_version(const struct gw_vgpu *vgpu)
{
	return vgpu->faults.driver_version[0] != '\0' ? vgpu->faults.driver_version
						      : GWVGPU_VERSION;
}

/* An upper bound of what a stop-copy would send now. Never 0: QEMU allocates that much. */
static u64
gw_stop_copy_bytes(const struct gw_vgpu *vgpu)
{
	const struct gw_transfer *save = vgpu->transfer;
	bool saving = save != NULL && vgpu->state != VFIO_DEVICE_STATE_RESUMING;
	u32 n = saving ? vgpu->n_dirty : vgpu->n_used;
	u64 bytes = (u64)n * CHUNK_BYTES + min(n, vgpu->n_groups) * sizeof(struct gw_batch);

	if (saving)
		bytes += save->filled - save->at;
	if (!saving || !save->head_done)
		bytes += sizeof(struct gw_head);
	return bytes + sizeof(struct gw_tail);
}

static void
gw_fill_head(struct gw_vgpu *vgpu, struct gw_transfer *save)
{
	struct gw_head *head = (struct gw_head *)save->buffer;

	memset(head, 0, sizeof(*head));
	head->magic = HEAD_MAGIC;
	head->format = IMAGE_FORMAT;
	head->type = vgpu->info->number;
	head->vram_bytes = vgpu->vram_bytes;
	head->chunk_bytes = CHUNK_BYTES;
	strscpy(head->driver_version, gw_driver_version(vgpu), VERSION_BYTES);
	save->filled = sizeof(*head);
	save->head_done = true;
}

static void
gw_fill_tail(struct gw_vgpu *vgpu, struct gw_transfer *save)
{
	struct gw_tail *tail = (struct gw_tail *)save->buffer;

	*tail = (struct gw_tail){
		.magic = TAIL_MAGIC,
		.digest = vgpu->stop_digest,
		.rate = vgpu->rate,
		.working_set = vgpu->working_set,
		.position = vgpu->position,
		.generation = vgpu->generation,
		.dirtied = vgpu->dirtied,
		.seed = vgpu->seed,
	};
	save->filled = sizeof(*tail);
	save->tail_done = true;
}

/* Takes the dirty chunks of the next group that has any, going round. */
static void
gw_fill_batch(struct gw_vgpu *vgpu, struct gw_transfer *save)
{
	struct gw_batch *batch = (struct gw_batch *)save->buffer;
	unsigned long chunk =
		find_next_bit(vgpu->dirty, vgpu->n_chunks, save->next_group * GROUP_CHUNKS);
	u32 first, last;

	if (chunk >= vgpu->n_chunks)
		chunk = find_first_bit(vgpu->dirty, vgpu->n_chunks);
	first = round_down(chunk, GROUP_CHUNKS);
	last = min(first + GROUP_CHUNKS, vgpu->n_chunks);
	*batch = (struct gw_batch){ .magic = BATCH_MAGIC, .group = first / GROUP_CHUNKS };
	save->filled = sizeof(*batch);
	for (; chunk < last; chunk = find_next_bit(vgpu->dirty, last, chunk + 1)) {
		memcpy(save->buffer + save->filled, vgpu->vram + chunk * CHUNK_BYTES, CHUNK_BYTES);
		save->filled += CHUNK_BYTES;
		batch->chunks |= 1ull << (chunk - first);
		__clear_bit(chunk, vgpu->dirty);
		vgpu->n_dirty--;
		if (__test_and_clear_bit(chunk, vgpu->initial))
			vgpu->n_initial--;
	}
	save->next_group = (batch->group + 1) % vgpu->n_groups;
}

/* Puts the next part of the image into the buffer. 1, 0 at the end, -ENOMSG at the end for now. */
static int
gw_fill(struct gw_vgpu *vgpu, struct gw_transfer *save)
{
	save->at = 0;
	save->filled = 0;
	if (!save->head_done)
		gw_fill_head(vgpu, save);
	else if (vgpu->n_dirty != 0)
		gw_fill_batch(vgpu, save);
	else if (!save->final)
		return -ENOMSG;
	else if (!save->tail_done)
		gw_fill_tail(vgpu, save);
	else
		return 0;
	return 1;
}

/* The error that a fault asks for at this point of a transfer, or 0. */
static int
gw_transfer_fault(struct gw_transfer *transfer, enum gw_fault_id id)
{
	struct gw_faults *faults = &transfer->vgpu->faults;

	if (transfer->bytes < gw_fault_value(faults, AFTER_BYTES))
		return 0;
	return -(int)min_t(u64, gw_fault_fire(faults, id), MAX_ERRNO);
}

static ssize_t
gw_save_some(struct gw_transfer *save, char __user *to, size_t bytes)
{
	struct gw_vgpu *vgpu = save->vgpu;
	size_t done = 0, n;
	int ret;

	guard(mutex)(&vgpu->lock);
	if (save->dead)
		return -ENODEV;
	ret = gw_transfer_fault(save, READ_ERROR);
	if (ret != 0)
		return ret;
	while (done < bytes) {
		if (save->at == save->filled) {
			ret = gw_fill(vgpu, save);
			if (ret <= 0)
				break;
		}
		n = min(bytes - done, save->filled - save->at);
		if (copy_to_user(to + done, save->buffer + save->at, n) != 0)
			return -EFAULT;
		save->at += n;
		done += n;
	}
	save->bytes += done;
	vgpu->sent += done;
	return done != 0 ? done : ret;
}

static ssize_t
gw_save_read(struct file *file, char __user *to, size_t bytes, loff_t *pos)
{
	struct gw_transfer *save = file->private_data;
	u64 slow = READ_ONCE(save->vgpu->faults.all[SLOW_READ].value);
	ssize_t done;

	/* A slow read in small steps: who is interrupted has not lost much time. */
	if (slow != 0)
		bytes = min_t(u64, bytes, max(slow / 4, 1ull));
	done = gw_save_some(save, to, bytes);
	if (slow != 0 && done > 0)
		msleep_interruptible(div64_u64((u64)done * MSEC_PER_SEC, slow));
	return done;
}

static __poll_t
gw_save_poll(struct file *file, struct poll_table_struct *wait)
{
	struct gw_transfer *save = file->private_data;
	struct gw_vgpu *vgpu = save->vgpu;

	poll_wait(file, &vgpu->readable, wait);
	guard(mutex)(&vgpu->lock);
	if (save->dead)
		return EPOLLIN | EPOLLRDNORM | EPOLLERR;
	if (save->final || !save->head_done || save->at != save->filled || vgpu->n_dirty != 0)
		return EPOLLIN | EPOLLRDNORM;
	return 0;
}

static long
gw_save_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct gw_transfer *save = file->private_data;
	struct gw_vgpu *vgpu = save->vgpu;
	struct vfio_precopy_info info = {};
	const size_t size = offsetofend(struct vfio_precopy_info, dirty_bytes);
	u32 argsz;

	if (command != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (get_user(argsz, (u32 __user *)arg) != 0)
		return -EFAULT;
	if (argsz < size)
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	if (save->dead)
		return -ENODEV;
	if (!gw_is_precopy(vgpu->state))
		return -EINVAL;
	info.argsz = argsz;
	info.initial_bytes = (u64)vgpu->n_initial * CHUNK_BYTES + (save->filled - save->at) +
			     (save->head_done ? 0 : sizeof(struct gw_head));
	info.dirty_bytes = (u64)(vgpu->n_dirty - vgpu->n_initial) * CHUNK_BYTES;
	return copy_to_user((void __user *)arg, &info, size) != 0 ? -EFAULT : 0;
}

/* ---- loading ---- */

static int
gw_load_head(struct gw_vgpu *vgpu, struct gw_transfer *load)
{
	const struct gw_head *head = &load->staging.head;

	if (head->magic != HEAD_MAGIC || head->format != IMAGE_FORMAT ||
	    head->type != vgpu->info->number || head->vram_bytes != vgpu->vram_bytes ||
	    head->chunk_bytes != CHUNK_BYTES)
		return -EINVAL;
	load->head = *head;
	load->head.driver_version[VERSION_BYTES - 1] = '\0';
	load->stage = LOAD_RECORD;
	load->staged = 0;
	return 0;
}

static int
gw_load_record(struct gw_vgpu *vgpu, struct gw_transfer *load)
{
	const struct gw_batch *batch = &load->staging.batch;
	u32 n;

	if (batch->magic == TAIL_MAGIC) {
		load->stage = LOAD_TAIL; /* what is staged is its beginning */
		return 0;
	}
	if (batch->magic != BATCH_MAGIC || batch->group >= vgpu->n_groups || batch->chunks == 0)
		return -EINVAL;
	n = min(vgpu->n_chunks - batch->group * GROUP_CHUNKS, GROUP_CHUNKS);
	if (fls64(batch->chunks) > n)
		return -EINVAL;
	load->batch = *batch;
	load->chunk_at = 0;
	load->staged = 0;
	load->stage = LOAD_CHUNKS;
	return 0;
}

/* Stages a fixed part of the image; acts on it when it is whole. Returns the bytes taken. */
static ssize_t
gw_load_staged(struct gw_vgpu *vgpu, struct gw_transfer *load, const char __user *from,
	       size_t bytes)
{
	size_t whole =
		load->stage == LOAD_RECORD ? sizeof(struct gw_batch) : sizeof(struct gw_head);
	size_t n = min(bytes, whole - load->staged);
	int ret = 0;

	if (copy_from_user(load->staging.raw + load->staged, from, n) != 0)
		return -EFAULT;
	load->staged += n;
	if (load->staged < whole)
		return n;
	if (load->stage == LOAD_HEAD)
		ret = gw_load_head(vgpu, load);
	else if (load->stage == LOAD_RECORD)
		ret = gw_load_record(vgpu, load);
	else
		load->stage = LOAD_DONE;
	return ret != 0 ? ret : n;
}

/* Writes into the next chunk that the batch names. Returns the bytes taken. */
static ssize_t
gw_load_chunk(struct gw_vgpu *vgpu, struct gw_transfer *load, const char __user *from, size_t bytes)
{
	u32 chunk = load->batch.group * GROUP_CHUNKS + __ffs64(load->batch.chunks);
	size_t n = min_t(size_t, bytes, CHUNK_BYTES - load->chunk_at);

	if (copy_from_user(vgpu->vram + (u64)chunk * CHUNK_BYTES + load->chunk_at, from, n) != 0)
		return -EFAULT;
	load->chunk_at += n;
	if (load->chunk_at < CHUNK_BYTES)
		return n;
	load->chunk_at = 0;
	load->batch.chunks &= load->batch.chunks - 1;
	if (load->batch.chunks == 0)
		load->stage = LOAD_RECORD;
	gw_mark_written(vgpu, chunk);
	return n;
}

static ssize_t
gw_load_write(struct file *file, const char __user *from, size_t bytes, loff_t *pos)
{
	struct gw_transfer *load = file->private_data;
	struct gw_vgpu *vgpu = load->vgpu;
	size_t done = 0;
	ssize_t n;

	guard(mutex)(&vgpu->lock);
	if (load->dead)
		return -ENODEV;
	n = gw_transfer_fault(load, LOAD_ERROR);
	if (n != 0)
		return n;
	while (done < bytes) {
		if (load->stage == LOAD_DONE)
			return -EINVAL;
		if (load->stage == LOAD_CHUNKS)
			n = gw_load_chunk(vgpu, load, from + done, bytes - done);
		else
			n = gw_load_staged(vgpu, load, from + done, bytes - done);
		if (n < 0)
			return n;
		done += n;
	}
	load->bytes += done;
	vgpu->loaded += done;
	return done;
}

/* RESUMING to STOP: here, and not before, a whole image is judged. */
static int
gw_load_finish(struct gw_vgpu *vgpu)
{
	struct gw_transfer *load = vgpu->transfer;
	const struct gw_tail *tail = &load->staging.tail;

	if (load->stage != LOAD_DONE) {
		dev_err(&vgpu->mdev->dev, "the image is not complete\n");
		return -EINVAL;
	}
	if (strcmp(load->head.driver_version, gw_driver_version(vgpu)) != 0) {
		dev_err(&vgpu->mdev->dev, "the image is of driver '%s', this is '%s'\n",
			load->head.driver_version, gw_driver_version(vgpu));
		return -EINVAL;
	}
	vgpu->load_digest = gw_digest(vgpu);
	if (vgpu->load_digest != tail->digest) {
		dev_err(&vgpu->mdev->dev, "the image is damaged\n");
		return -EINVAL;
	}
	if (gw_fault_fire(&vgpu->faults, REFUSE_IMAGE) != 0) {
		dev_err(&vgpu->mdev->dev, "the image is refused: the fault refuse_image\n");
		return -EINVAL;
	}
	gw_set_working_set(vgpu, tail->working_set);
	vgpu->position = tail->position % (vgpu->working_set / CHUNK_BYTES);
	vgpu->generation = tail->generation;
	vgpu->dirtied = tail->dirtied;
	vgpu->seed = tail->seed;
	gw_set_rate(vgpu, tail->rate);
	return 0;
}

/* ---- transfers ---- */

static int
gw_transfer_release(struct inode *inode, struct file *file)
{
	struct gw_transfer *transfer = file->private_data;

	vfio_put_device(&transfer->vgpu->vdev);
	kvfree(transfer->buffer);
	kfree(transfer);
	return 0;
}

static const struct file_operations gw_save_operations = {
	.owner = THIS_MODULE,
	.read = gw_save_read,
	.poll = gw_save_poll,
	.unlocked_ioctl = gw_save_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = gw_transfer_release,
};

static const struct file_operations gw_load_operations = {
	.owner = THIS_MODULE,
	.write = gw_load_write,
	.release = gw_transfer_release,
};

static void
gw_transfer_end(struct gw_vgpu *vgpu)
{
	struct gw_transfer *transfer = vgpu->transfer;

	if (transfer == NULL)
		return;
	transfer->dead = true;
	vgpu->transfer = NULL;
	wake_up_interruptible(&vgpu->readable);
	fput(transfer->file);
}

/* Begins a session. The caller's reference of the file becomes the user's descriptor. */
static struct file *
gw_transfer_begin(struct gw_vgpu *vgpu, bool saving)
{
	struct gw_transfer *transfer = kzalloc(sizeof(*transfer), GFP_KERNEL_ACCOUNT);
	struct file *file = ERR_PTR(-ENOMEM);

	if (transfer != NULL && saving)
		transfer->buffer = kvmalloc(SAVE_BYTES, GFP_KERNEL_ACCOUNT);
	if (transfer != NULL && (!saving || transfer->buffer != NULL))
		file = anon_inode_getfile("gwvgpu-transfer",
					  saving ? &gw_save_operations : &gw_load_operations,
					  transfer, saving ? O_RDONLY : O_WRONLY);
	if (IS_ERR(file)) {
		if (transfer != NULL)
			kvfree(transfer->buffer);
		kfree(transfer);
		return file;
	}
	stream_open(file->f_inode, file);
	get_device(&vgpu->vdev.device);
	transfer->vgpu = vgpu;
	transfer->file = get_file(file);
	vgpu->transfer = transfer;
	return file;
}

static struct file *
gw_save_begin(struct gw_vgpu *vgpu, bool final)
{
	struct file *file = gw_transfer_begin(vgpu, true);

	if (IS_ERR(file))
		return file;
	vgpu->transfer->final = final;
	bitmap_copy(vgpu->dirty, vgpu->used, vgpu->n_chunks);
	bitmap_copy(vgpu->initial, vgpu->used, vgpu->n_chunks);
	vgpu->n_dirty = vgpu->n_used;
	vgpu->n_initial = vgpu->n_used;
	vgpu->sent = 0;
	return file;
}

static struct file *
gw_load_begin(struct gw_vgpu *vgpu)
{
	struct file *file = gw_transfer_begin(vgpu, false);

	if (IS_ERR(file))
		return file;
	gw_blank(vgpu);
	vgpu->loaded = 0;
	vgpu->load_digest = 0;
	return file;
}

/* ---- the states ---- */

/* What moving along one arc does; the state itself is the caller's. A file for the user, NULL or an error. */
static struct file *
gw_arc(struct gw_vgpu *vgpu, enum vfio_device_mig_state from, enum vfio_device_mig_state to)
{
	int ret;

	if (gw_computes(from) && !gw_computes(to))
		vgpu->stop_digest = gw_digest(vgpu);
	if (gw_is_precopy(to) && !gw_is_precopy(from))
		return gw_save_begin(vgpu, false);
	if (to == VFIO_DEVICE_STATE_STOP_COPY) {
		if (!gw_is_precopy(from))
			return gw_save_begin(vgpu, true);
		vgpu->transfer->final = true;
		return NULL;
	}
	if (to == VFIO_DEVICE_STATE_RESUMING)
		return gw_load_begin(vgpu);
	if (from == VFIO_DEVICE_STATE_RESUMING) {
		ret = gw_load_finish(vgpu);
		if (ret != 0)
			return ERR_PTR(ret);
	}
	if (!gw_is_precopy(to))
		gw_transfer_end(vgpu);
	return NULL;
}

static bool
gw_arc_fails(struct gw_vgpu *vgpu, enum vfio_device_mig_state from, enum vfio_device_mig_state to)
{
	u64 value = gw_fault_value(&vgpu->faults, FAIL_ARC);

	return value != 0 && value == ((u64)from << 8 | to) &&
	       gw_fault_fire(&vgpu->faults, FAIL_ARC) != 0;
}

static struct file *
gw_set_state(struct vfio_device *vdev, enum vfio_device_mig_state to)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);
	struct file *file = NULL;
	enum vfio_device_mig_state next;
	int ret;

	guard(mutex)(&vgpu->lock);
	while (to != vgpu->state) {
		ret = vfio_mig_get_next_state(vdev, vgpu->state, to, &next);
		if (ret != 0)
			return ERR_PTR(ret);
		file = gw_arc_fails(vgpu, vgpu->state, next) ? ERR_PTR(-EIO)
							     : gw_arc(vgpu, vgpu->state, next);
		if (IS_ERR(file))
			return file;
		vgpu->state = next;
		/* Only the last arc of a path begins a transfer: the core's rule. */
		if (WARN_ON(file != NULL && next != to)) {
			fput(file);
			return ERR_PTR(-EINVAL);
		}
	}
	return file;
}

static int
gw_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *ret_state)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);

	guard(mutex)(&vgpu->lock);
	*ret_state = vgpu->state;
	return 0;
}

static int
gw_get_data_size(struct vfio_device *vdev, unsigned long *ret_bytes)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);

	guard(mutex)(&vgpu->lock);
	if (gw_fault_value(&vgpu->faults, NO_DATA_SIZE) != 0)
		return -ENOTTY;
	*ret_bytes = gw_stop_copy_bytes(vgpu);
	return 0;
}

static const struct vfio_migration_ops gw_migration_ops = {
	.migration_set_state = gw_set_state,
	.migration_get_state = gw_get_state,
	.migration_get_data_size = gw_get_data_size,
};

/* What the vGPU says of itself follows its faults; nobody may have it open. */
static void
gw_announce(struct gw_vgpu *vgpu)
{
	const struct gw_faults *faults = &vgpu->faults;

	vgpu->vdev.mig_ops = gw_fault_value(faults, NO_MIGRATION) != 0 ? NULL : &gw_migration_ops;
	vgpu->vdev.migration_flags =
		VFIO_MIGRATION_STOP_COPY |
		(gw_fault_value(faults, NO_P2P) != 0 ? 0 : VFIO_MIGRATION_P2P) |
		(gw_fault_value(faults, NO_PRECOPY) != 0 ? 0 : VFIO_MIGRATION_PRE_COPY);
}

static void
gw_reset(struct gw_vgpu *vgpu)
{
	gw_transfer_end(vgpu);
	vgpu->state = VFIO_DEVICE_STATE_RUNNING;
	gw_blank(vgpu);
	vgpu->resets++;
}

/* ---- PCI ---- */

static void
gw_config_bar(struct gw_vgpu *vgpu, u32 offset, u64 bytes, u32 flags)
{
	*(u32 *)(vgpu->config + offset) = flags;
	*(u32 *)(vgpu->writable + offset) = ~(u32)(bytes - 1);
}

static void
gw_config_init(struct gw_vgpu *vgpu)
{
	u8 *config = vgpu->config;

	*(u16 *)(config + PCI_VENDOR_ID) = 0x6777; /* nobody's: no driver of a guest binds */
	*(u16 *)(config + PCI_DEVICE_ID) = 0x0100 + vgpu->info->number;
	*(u16 *)(config + PCI_SUBSYSTEM_VENDOR_ID) = 0x6777;
	*(u16 *)(config + PCI_SUBSYSTEM_ID) = vgpu->info->number;
	*(u16 *)(config + PCI_CLASS_DEVICE) = PCI_CLASS_DISPLAY_OTHER;
	*(u16 *)(vgpu->writable + PCI_COMMAND) =
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
	vgpu->writable[PCI_INTERRUPT_LINE] = 0xff;
	vgpu->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	gw_config_bar(vgpu, PCI_BASE_ADDRESS_0, REGISTERS_BYTES, 0);
	gw_config_bar(vgpu, PCI_BASE_ADDRESS_2, vgpu->vram_bytes,
		      PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	*(u32 *)(vgpu->writable + PCI_BASE_ADDRESS_3) = U32_MAX;
}

static u64
gw_region_bytes(const struct gw_vgpu *vgpu, u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return REGISTERS_BYTES;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return vgpu->vram_bytes;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return CONFIG_BYTES;
	default:
		return 0;
	}
}

static void
gw_config_write(struct gw_vgpu *vgpu, u32 at, const u8 *data, size_t bytes)
{
	for (; bytes != 0; bytes--, at++, data++)
		vgpu->config[at] =
			(vgpu->config[at] & ~vgpu->writable[at]) | (*data & vgpu->writable[at]);
}

/* The registers: 0 identity, 8 bytes of vRAM, 16 dirty rate (rw), 24 working set (rw), 32 digest. */
static u64
gw_register_read(const struct gw_vgpu *vgpu, u32 number)
{
	switch (number) {
	case 0:
		return 0x7570677667770001ull;
	case 1:
		return vgpu->vram_bytes;
	case 2:
		return vgpu->rate;
	case 3:
		return vgpu->working_set;
	case 4:
		return gw_digest(vgpu);
	default:
		return 0;
	}
}

static void
gw_register_write(struct gw_vgpu *vgpu, u32 number, u64 value)
{
	if (number == 2)
		gw_set_rate(vgpu, value);
	else if (number == 3)
		gw_set_working_set(vgpu, value);
}

/* One access inside eight aligned bytes of a region. */
static void
gw_piece(struct gw_vgpu *vgpu, u32 index, u64 at, u8 *data, size_t bytes, bool write)
{
	u8 *memory = index == VFIO_PCI_CONFIG_REGION_INDEX ? vgpu->config + at : vgpu->vram + at;
	u64 word;

	if (index == VFIO_PCI_BAR0_REGION_INDEX) {
		word = gw_register_read(vgpu, at / 8);
		memory = (u8 *)&word + at % 8;
	}
	if (!write) {
		memcpy(data, memory, bytes);
	} else if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		gw_config_write(vgpu, at, data, bytes);
	} else {
		memcpy(memory, data, bytes);
		if (index == VFIO_PCI_BAR0_REGION_INDEX)
			gw_register_write(vgpu, at / 8, word);
		else
			gw_mark_written(vgpu, at / CHUNK_BYTES);
	}
}

static ssize_t
gw_access(struct gw_vgpu *vgpu, char __user *user, size_t bytes, loff_t *pos, bool write)
{
	u32 index = *pos >> OFFSET_SHIFT;
	u64 at = *pos & ((1ull << OFFSET_SHIFT) - 1), end = gw_region_bytes(vgpu, index);
	size_t done, n;
	u8 data[8];

	if (*pos < 0 || at >= end)
		return -EINVAL;
	bytes = min_t(u64, bytes, end - at);
	guard(mutex)(&vgpu->lock);
	for (done = 0; done < bytes; done += n, at += n) {
		n = min_t(size_t, bytes - done, 8 - at % 8);
		if (write && copy_from_user(data, user + done, n) != 0)
			return -EFAULT;
		gw_piece(vgpu, index, at, data, n, write);
		if (!write && copy_to_user(user + done, data, n) != 0)
			return -EFAULT;
	}
	*pos += done;
	return done;
}

static ssize_t
gw_read(struct vfio_device *vdev, char __user *to, size_t bytes, loff_t *pos)
{
	return gw_access(to_vgpu(vdev), to, bytes, pos, false);
}

static ssize_t
gw_write(struct vfio_device *vdev, const char __user *from, size_t bytes, loff_t *pos)
{
	return gw_access(to_vgpu(vdev), (char __user *)from, bytes, pos, true);
}

static long
gw_ioctl_info(void __user *arg)
{
	struct vfio_device_info info;
	const size_t size = offsetofend(struct vfio_device_info, num_irqs);

	if (copy_from_user(&info, arg, size) != 0)
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, size) != 0 ? -EFAULT : 0;
}

/* No region has VFIO_REGION_INFO_FLAG_MMAP: every access traps, so `dirty` is exact. */
static long
gw_ioctl_region(struct gw_vgpu *vgpu, void __user *arg)
{
	struct vfio_region_info info;
	const size_t size = offsetofend(struct vfio_region_info, offset);

	if (copy_from_user(&info, arg, size) != 0)
		return -EFAULT;
	if (info.argsz < size || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.cap_offset = 0;
	info.size = gw_region_bytes(vgpu, info.index);
	info.offset = (u64)info.index << OFFSET_SHIFT;
	info.flags = info.size != 0 ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	return copy_to_user(arg, &info, size) != 0 ? -EFAULT : 0;
}

/* It has no interrupts. */
static long
gw_ioctl_irq(void __user *arg)
{
	struct vfio_irq_info info;
	const size_t size = offsetofend(struct vfio_irq_info, count);

	if (copy_from_user(&info, arg, size) != 0)
		return -EFAULT;
	if (info.argsz < size || info.index > VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	info.count = 0;
	return copy_to_user(arg, &info, size) != 0 ? -EFAULT : 0;
}

static long
gw_ioctl(struct vfio_device *vdev, unsigned int command, unsigned long arg)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);

	switch (command) {
	case VFIO_DEVICE_GET_INFO:
		return gw_ioctl_info((void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return gw_ioctl_region(vgpu, (void __user *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return gw_ioctl_irq((void __user *)arg);
	case VFIO_DEVICE_RESET: {
		guard(mutex)(&vgpu->lock);
		gw_reset(vgpu);
		return 0;
	}
	default:
		return -ENOTTY;
	}
}

/* ---- a vGPU's life ---- */

static void
gw_free_memory(struct gw_vgpu *vgpu)
{
	vfree(vgpu->vram);
	bitmap_free(vgpu->used);
	bitmap_free(vgpu->dirty);
	bitmap_free(vgpu->initial);
}

static int
gw_init(struct vfio_device *vdev)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);
	struct gw_type *type;

	vgpu->mdev = to_mdev_device(vdev->dev);
	type = container_of(vgpu->mdev->type, struct gw_type, type);
	vgpu->parent = container_of(type->type.parent, struct gw_parent, mdev);
	vgpu->info = type->info;
	vgpu->vram_bytes = (u64)type->info->mib << 20;
	vgpu->n_chunks = vgpu->vram_bytes / CHUNK_BYTES;
	vgpu->n_groups = DIV_ROUND_UP(vgpu->n_chunks, GROUP_CHUNKS);
	vgpu->state = VFIO_DEVICE_STATE_RUNNING;
	mutex_init(&vgpu->lock);
	init_waitqueue_head(&vgpu->readable);
	INIT_DELAYED_WORK(&vgpu->engine, gw_engine_tick);
	INIT_WORK(&vgpu->dma, gw_dma_work);
	vgpu->vram = vzalloc(vgpu->vram_bytes);
	vgpu->used = bitmap_zalloc(vgpu->n_chunks, GFP_KERNEL);
	vgpu->dirty = bitmap_zalloc(vgpu->n_chunks, GFP_KERNEL);
	vgpu->initial = bitmap_zalloc(vgpu->n_chunks, GFP_KERNEL);
	if (vgpu->vram == NULL || vgpu->used == NULL || vgpu->dirty == NULL ||
	    vgpu->initial == NULL) {
		gw_free_memory(vgpu);
		return -ENOMEM;
	}
	gw_blank(vgpu);
	gw_config_init(vgpu);
	scoped_guard(mutex, &vgpu->parent->lock) vgpu->faults = vgpu->parent->faults;
	gw_announce(vgpu);
	return 0;
}

static void
gw_release(struct vfio_device *vdev)
{
	gw_free_memory(to_vgpu(vdev));
}

/* A vGPU begins blank; what a former user left stays readable in sysfs until then. */
static int
gw_open(struct vfio_device *vdev)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);

	guard(mutex)(&vgpu->lock);
	gw_blank(vgpu);
	gw_config_init(vgpu);
	vgpu->stop_digest = 0;
	vgpu->load_digest = 0;
	vgpu->sent = 0;
	vgpu->loaded = 0;
	vgpu->resets = 0;
	vgpu->open = true;
	return 0;
}

static void
gw_close(struct vfio_device *vdev)
{
	struct gw_vgpu *vgpu = to_vgpu(vdev);

	scoped_guard(mutex, &vgpu->lock)
	{
		gw_transfer_end(vgpu);
		vgpu->state = VFIO_DEVICE_STATE_RUNNING;
		vgpu->rate = 0;
		vgpu->open = false;
	}
	cancel_delayed_work_sync(&vgpu->engine);
}

/* No `request`: as with NVIDIA's driver, a removal waits until the user lets go. */
static const struct vfio_device_ops gw_device_ops = {
	.name = "vfio-gwvgpu",
	.init = gw_init,
	.release = gw_release,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
	.open_device = gw_open,
	.close_device = gw_close,
	.read = gw_read,
	.write = gw_write,
	.ioctl = gw_ioctl,
};

/* How many vGPUs of SIZE the parent has room for. Its lock is held. */
static unsigned int
gw_room(const struct gw_parent *parent, u64 bytes)
{
	u64 room = div64_u64(parent->free_bytes, bytes);

	if (per_parent != 0)
		room = min_t(u64, room, per_parent - min(parent->n_vgpus, per_parent));
	return room;
}

static int
gw_take_budget(struct gw_parent *parent, u64 bytes)
{
	guard(mutex)(&parent->lock);
	if (gw_room(parent, bytes) == 0)
		return -ENOSPC;
	parent->free_bytes -= bytes;
	parent->n_vgpus++;
	return 0;
}

static void
gw_return_budget(struct gw_parent *parent, u64 bytes)
{
	guard(mutex)(&parent->lock);
	parent->free_bytes += bytes;
	parent->n_vgpus--;
}

static int
gw_probe(struct mdev_device *mdev)
{
	struct gw_type *type = container_of(mdev->type, struct gw_type, type);
	struct gw_parent *parent = container_of(type->type.parent, struct gw_parent, mdev);
	u64 bytes = (u64)type->info->mib << 20;
	struct gw_vgpu *vgpu;
	int ret;

	ret = gw_take_budget(parent, bytes);
	if (ret != 0)
		return ret;
	vgpu = vfio_alloc_device(gw_vgpu, vdev, &mdev->dev, &gw_device_ops);
	if (IS_ERR(vgpu)) {
		gw_return_budget(parent, bytes);
		return PTR_ERR(vgpu);
	}
	dev_set_drvdata(&mdev->dev, vgpu);
	ret = vfio_register_emulated_iommu_dev(&vgpu->vdev);
	if (ret != 0) {
		vfio_put_device(&vgpu->vdev);
		gw_return_budget(parent, bytes);
	}
	return ret;
}

static void
gw_remove(struct mdev_device *mdev)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(&mdev->dev);
	struct gw_parent *parent = vgpu->parent;
	u64 bytes = vgpu->vram_bytes;
	u64 block_ms = READ_ONCE(parent->faults.all[BLOCK_REMOVE].value);

	if (block_ms != 0)
		wait_event_timeout(parent->unblocked,
				   READ_ONCE(parent->faults.all[BLOCK_REMOVE].value) == 0,
				   msecs_to_jiffies(min_t(u64, block_ms, 600 * MSEC_PER_SEC)));
	vfio_unregister_group_dev(&vgpu->vdev);
	vfio_put_device(&vgpu->vdev);
	gw_return_budget(parent, bytes);
}

static unsigned int
gw_get_available(struct mdev_type *mtype)
{
	struct gw_type *type = container_of(mtype, struct gw_type, type);
	struct gw_parent *parent = container_of(mtype->parent, struct gw_parent, mdev);

	guard(mutex)(&parent->lock);
	return gw_room(parent, (u64)type->info->mib << 20);
}

static ssize_t
gw_show_description(struct mdev_type *mtype, char *text)
{
	const struct gw_type_info *info = container_of(mtype, struct gw_type, type)->info;

	return sysfs_emit(
		text,
		"num_heads=4, frl_config=60, framebuffer=%uM, max_resolution=%s, max_instance=%u\n",
		info->mib, info->resolution,
		per_parent != 0 ? min(budget_mib / info->mib, per_parent) : budget_mib / info->mib);
}

/* ---- sysfs: gwvgpu/ of a vGPU ---- */

/* A file that shows one number, read with the lock held. */
#define GW_SHOW(file, format, value)                                                              \
	static ssize_t file##_show(struct device *dev, struct device_attribute *attr, char *text) \
	{                                                                                         \
		struct gw_vgpu *vgpu = dev_get_drvdata(dev);                                      \
                                                                                                  \
		guard(mutex)(&vgpu->lock);                                                        \
		return sysfs_emit(text, format "\n", value);                                      \
	}

GW_SHOW(vram_checksum, "%016llx", gw_digest(vgpu));
GW_SHOW(stop_checksum, "%016llx", vgpu->stop_digest);
GW_SHOW(load_checksum, "%016llx", vgpu->load_digest);
GW_SHOW(vram_bytes, "%llu", vgpu->vram_bytes);
GW_SHOW(used_bytes, "%llu", (u64)vgpu->n_used *CHUNK_BYTES);
GW_SHOW(dirtied_bytes, "%llu", vgpu->dirtied);
GW_SHOW(remaining_bytes, "%llu", vgpu->transfer != NULL ? (u64)vgpu->n_dirty * CHUNK_BYTES : 0);
GW_SHOW(stop_copy_bytes, "%llu", gw_stop_copy_bytes(vgpu));
GW_SHOW(sent_bytes, "%llu", vgpu->sent);
GW_SHOW(loaded_bytes, "%llu", vgpu->loaded);
GW_SHOW(resets, "%u", vgpu->resets);
GW_SHOW(in_use, "%d", vgpu->open);
GW_SHOW(migration_state, "%s", gw_state_names[vgpu->state]);
GW_SHOW(dirty_rate, "%llu", vgpu->rate);
GW_SHOW(working_set, "%llu", vgpu->working_set);
GW_SHOW(vgpu_params, "%s", vgpu->params);

static ssize_t
dirty_rate_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(dev);
	u64 rate;
	int ret = kstrtou64(text, 0, &rate);

	if (ret != 0)
		return ret;
	if (rate > RATE_MAX)
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	gw_set_rate(vgpu, rate);
	return bytes;
}

static ssize_t
working_set_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(dev);
	u64 value;
	int ret = kstrtou64(text, 0, &value);

	if (ret != 0)
		return ret;
	guard(mutex)(&vgpu->lock);
	gw_set_working_set(vgpu, value);
	return bytes;
}

/* "SEED [BYTES]": the engine writes so much of vRAM, all of it by default, at once. */
static ssize_t
fill_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(dev);
	u64 seed, size = vgpu->vram_bytes;
	u32 chunk;

	if (sscanf(text, "%llu %llu", &seed, &size) < 1 || size > vgpu->vram_bytes)
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	if (!gw_computes(vgpu->state))
		return -EBUSY;
	vgpu->seed = seed;
	for (chunk = 0; chunk < size / CHUNK_BYTES; chunk++)
		gw_write_chunk(vgpu, chunk);
	return bytes;
}

/* type1 takes a write from the user's own process or from a kernel thread: here it is the latter. */
static void
gw_dma_work(struct work_struct *work)
{
	struct gw_vgpu *vgpu = container_of(work, struct gw_vgpu, dma);
	u8 *page __free(kfree) = kmalloc(CHUNK_BYTES, GFP_KERNEL);

	guard(mutex)(&vgpu->lock);
	if (page == NULL) {
		vgpu->dma_result = -ENOMEM;
	} else if (!vgpu->open || !gw_may_dma(vgpu->state)) {
		vgpu->dma_result = -EBUSY;
	} else {
		memset(page, vgpu->dma_value, CHUNK_BYTES);
		vgpu->dma_result =
			vfio_dma_rw(&vgpu->vdev, vgpu->dma_iova, page, CHUNK_BYTES, true);
	}
}

/* "IOVA BYTE": the GPU writes a page of that byte into the guest's memory. One writer at a time. */
static ssize_t
dma_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(dev);
	unsigned int value;
	long long iova;
	int ret;

	if (sscanf(text, "%lli %u", &iova, &value) != 2 || value > 255)
		return -EINVAL;
	scoped_guard(mutex, &vgpu->lock)
	{
		vgpu->dma_iova = iova;
		vgpu->dma_value = value;
	}
	queue_work(gw_queue, &vgpu->dma);
	flush_work(&vgpu->dma);
	scoped_guard(mutex, &vgpu->lock) ret = vgpu->dma_result;
	return ret != 0 ? ret : bytes;
}

/* As NVIDIA's: kept as written, and only while nobody uses the vGPU. */
static ssize_t
vgpu_params_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	struct gw_vgpu *vgpu = dev_get_drvdata(dev);

	if (bytes >= sizeof(vgpu->params))
		return -EINVAL;
	guard(mutex)(&vgpu->lock);
	if (vgpu->open)
		return -EPERM;
	strscpy(vgpu->params, text, sizeof(vgpu->params));
	strreplace(vgpu->params, '\n', '\0');
	return bytes;
}

static DEVICE_ATTR_RO(vram_checksum);
static DEVICE_ATTR_RO(stop_checksum);
static DEVICE_ATTR_RO(load_checksum);
static DEVICE_ATTR_RO(vram_bytes);
static DEVICE_ATTR_RO(used_bytes);
static DEVICE_ATTR_RO(dirtied_bytes);
static DEVICE_ATTR_RO(remaining_bytes);
static DEVICE_ATTR_RO(stop_copy_bytes);
static DEVICE_ATTR_RO(sent_bytes);
static DEVICE_ATTR_RO(loaded_bytes);
static DEVICE_ATTR_RO(resets);
static DEVICE_ATTR_RO(in_use);
static DEVICE_ATTR_RO(migration_state);
static DEVICE_ATTR_RW(dirty_rate);
static DEVICE_ATTR_RW(working_set);
static DEVICE_ATTR_RW(vgpu_params);
static DEVICE_ATTR_WO(fill);
static DEVICE_ATTR_WO(dma);

static struct attribute *gw_vgpu_attributes[] = {
	&dev_attr_vram_checksum.attr,
	&dev_attr_stop_checksum.attr,
	&dev_attr_load_checksum.attr,
	&dev_attr_vram_bytes.attr,
	&dev_attr_used_bytes.attr,
	&dev_attr_dirtied_bytes.attr,
	&dev_attr_remaining_bytes.attr,
	&dev_attr_stop_copy_bytes.attr,
	&dev_attr_sent_bytes.attr,
	&dev_attr_loaded_bytes.attr,
	&dev_attr_resets.attr,
	&dev_attr_in_use.attr,
	&dev_attr_migration_state.attr,
	&dev_attr_dirty_rate.attr,
	&dev_attr_working_set.attr,
	&dev_attr_vgpu_params.attr,
	&dev_attr_fill.attr,
	&dev_attr_dma.attr,
	NULL,
};

static const struct attribute_group gw_vgpu_group = { .name = "gwvgpu",
						      .attrs = gw_vgpu_attributes };

/* ---- sysfs: fault/ of a parent and of a vGPU ---- */

static struct gw_parent *
to_parent(struct device *dev)
{
	return dev->class == &gw_class ? container_of(dev, struct gw_parent, dev) : NULL;
}

/* The faults of a parent or a vGPU, and the lock that covers them. */
static struct gw_faults *
gw_faults_of(struct device *dev, struct mutex **ret_lock)
{
	struct gw_parent *parent = to_parent(dev);
	struct gw_vgpu *vgpu = parent == NULL ? dev_get_drvdata(dev) : NULL;

	*ret_lock = parent != NULL ? &parent->lock : &vgpu->lock;
	return parent != NULL ? &parent->faults : &vgpu->faults;
}

struct gw_fault_attribute {
	struct device_attribute attr;
	enum gw_fault_id id;
};

static enum gw_fault_id
gw_fault_id(const struct device_attribute *attr)
{
	return container_of(attr, struct gw_fault_attribute, attr)->id;
}

static ssize_t
gw_fault_show(struct device *dev, struct device_attribute *attr, char *text)
{
	enum gw_fault_id id = gw_fault_id(attr);
	struct mutex *lock;
	struct gw_faults *faults = gw_faults_of(dev, &lock);
	u64 value;
	int at;

	guard(mutex)(lock);
	value = faults->all[id].value;
	if (id == FAIL_ARC && value != 0)
		at = sysfs_emit(text, "%s>%s", gw_state_names[value >> 8],
				gw_state_names[value & 0xff]);
	else
		at = sysfs_emit(text, "%llu", value);
	if (faults->all[id].left != ALWAYS)
		at += sysfs_emit_at(text, at, " %u", faults->all[id].left);
	return at + sysfs_emit_at(text, at, "\n");
}

/* "pre-copy>stop-copy" */
static int
gw_parse_arc(const char *text, u64 *ret_value)
{
	const char *middle = strchr(text, '>');
	char from[16];
	int a, b;

	if (middle == NULL || middle - text >= sizeof(from))
		return -EINVAL;
	memcpy(from, text, middle - text);
	from[middle - text] = '\0';
	a = match_string(gw_state_names, ARRAY_SIZE(gw_state_names), from);
	b = match_string(gw_state_names, ARRAY_SIZE(gw_state_names), middle + 1);
	if (a < 0 || b < 0)
		return -EINVAL;
	*ret_value = (u64)a << 8 | b;
	return 0;
}

static ssize_t
gw_fault_store(struct device *dev, struct device_attribute *attr, const char *text, size_t bytes)
{
	enum gw_fault_id id = gw_fault_id(attr);
	struct mutex *lock;
	struct gw_faults *faults = gw_faults_of(dev, &lock);
	struct gw_parent *parent = to_parent(dev);
	u32 times = gw_fault_times(id);
	char word[40];
	u64 value;
	int ret;

	if (sscanf(text, "%39s %u", word, &times) < 1)
		return -EINVAL;
	ret = id == FAIL_ARC && strcmp(word, "0") != 0 ? gw_parse_arc(word, &value)
						       : kstrtou64(word, 0, &value);
	if (ret != 0)
		return ret;
	guard(mutex)(lock);
	if (parent == NULL && id <= NO_P2P && ((struct gw_vgpu *)dev_get_drvdata(dev))->open)
		return -EBUSY;
	WRITE_ONCE(faults->all[id].value, value);
	faults->all[id].left = times;
	if (parent != NULL)
		wake_up(&parent->unblocked);
	else
		gw_announce(dev_get_drvdata(dev));
	return bytes;
}

static ssize_t
driver_version_show(struct device *dev, struct device_attribute *attr, char *text)
{
	struct mutex *lock;
	struct gw_faults *faults = gw_faults_of(dev, &lock);

	guard(mutex)(lock);
	return sysfs_emit(text, "%s\n",
			  faults->driver_version[0] != '\0' ? faults->driver_version
							    : GWVGPU_VERSION);
}

static ssize_t
driver_version_store(struct device *dev, struct device_attribute *attr, const char *text,
		     size_t bytes)
{
	struct mutex *lock;
	struct gw_faults *faults = gw_faults_of(dev, &lock);

	if (bytes >= VERSION_BYTES)
		return -EINVAL;
	guard(mutex)(lock);
	strscpy(faults->driver_version, text, VERSION_BYTES);
	strreplace(faults->driver_version, '\n', '\0');
	return bytes;
}

static DEVICE_ATTR_RW(driver_version);

static struct gw_fault_attribute gw_fault_attributes[N_FAULTS];
static struct attribute *gw_parent_fault_list[N_FAULTS + 2];
static struct attribute *gw_vgpu_fault_list[N_FAULTS + 2];
static const struct attribute_group gw_parent_fault_group = { .name = "fault",
							      .attrs = gw_parent_fault_list };
static const struct attribute_group gw_vgpu_fault_group = { .name = "fault",
							    .attrs = gw_vgpu_fault_list };
static const struct attribute_group *gw_parent_groups[] = { &gw_parent_fault_group, NULL };
static const struct attribute_group *gw_vgpu_groups[] = { &gw_vgpu_group, &gw_vgpu_fault_group,
							  NULL };

static void
gw_make_fault_attributes(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < N_FAULTS; i++) {
		struct gw_fault_attribute *fault = &gw_fault_attributes[i];

		sysfs_attr_init(&fault->attr.attr);
		fault->attr.attr.name = gw_fault_names[i];
		fault->attr.attr.mode = 0644;
		fault->attr.show = gw_fault_show;
		fault->attr.store = gw_fault_store;
		fault->id = i;
		gw_parent_fault_list[i] = &fault->attr.attr;
		if (i != BLOCK_REMOVE)
			gw_vgpu_fault_list[n++] = &fault->attr.attr;
	}
	gw_parent_fault_list[i] = &dev_attr_driver_version.attr;
	gw_vgpu_fault_list[n] = &dev_attr_driver_version.attr;
}

/* ---- the module ---- */

static struct mdev_driver gw_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "gwvgpu",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = gw_vgpu_groups,
	},
	.probe = gw_probe,
	.remove = gw_remove,
	.get_available = gw_get_available,
	.show_description = gw_show_description,
};

static void
gw_parent_free(struct device *dev)
{
	kfree(to_parent(dev));
}

static void
gw_parent_init(struct gw_parent *parent, unsigned int number)
{
	unsigned int i;

	mutex_init(&parent->lock);
	init_waitqueue_head(&parent->unblocked);
	parent->free_bytes = (u64)budget_mib << 20;
	for (i = 0; i < N_TYPES; i++) {
		parent->types[i].info = &gw_type_infos[i];
		parent->types[i].type.sysfs_name = gw_type_infos[i].id;
		parent->types[i].type.pretty_name = gw_type_infos[i].name;
		parent->type_list[i] = &parent->types[i].type;
	}
	for (i = 0; i < N_FAULTS; i++)
		parent->faults.all[i].left = gw_fault_times(i);
	parent->dev.class = &gw_class;
	parent->dev.release = gw_parent_free;
	parent->dev.groups = gw_parent_groups;
	dev_set_name(&parent->dev, "gwvgpu%u", number);
}

static int
gw_parent_add(unsigned int number)
{
	struct gw_parent *parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	int ret;

	if (parent == NULL)
		return -ENOMEM;
	gw_parent_init(parent, number);
	ret = device_register(&parent->dev);
	if (ret != 0) {
		put_device(&parent->dev);
		return ret;
	}
	ret = mdev_register_parent(&parent->mdev, &parent->dev, &gw_driver, parent->type_list,
				   N_TYPES);
	if (ret != 0) {
		device_unregister(&parent->dev);
		return ret;
	}
	gw_parents[number] = parent;
	return 0;
}

static void
gw_parents_remove(void)
{
	unsigned int i;

	for (i = 0; i < PARENTS_MAX && gw_parents[i] != NULL; i++) {
		mdev_unregister_parent(&gw_parents[i]->mdev);
		device_unregister(&gw_parents[i]->dev);
	}
}

static int __init
gw_module_init(void)
{
	unsigned int i;
	int ret = -ENOMEM;

	if (parents > PARENTS_MAX || budget_mib == 0 || budget_mib > 65536)
		return -EINVAL;
	gw_make_fault_attributes();
	gw_queue = alloc_workqueue("gwvgpu", WQ_UNBOUND, 0);
	if (gw_queue == NULL)
		return -ENOMEM;
	ret = class_register(&gw_class);
	if (ret != 0)
		goto no_class;
	ret = mdev_register_driver(&gw_driver);
	if (ret != 0)
		goto no_driver;
	for (i = 0; i < parents && ret == 0; i++)
		ret = gw_parent_add(i);
	if (ret == 0)
		return 0;
	gw_parents_remove();
	mdev_unregister_driver(&gw_driver);
no_driver:
	class_unregister(&gw_class);
no_class:
	destroy_workqueue(gw_queue);
	return ret;
}

static void __exit
gw_module_exit(void)
{
	gw_parents_remove();
	mdev_unregister_driver(&gw_driver);
	class_unregister(&gw_class);
	destroy_workqueue(gw_queue);
}

module_init(gw_module_init);
module_exit(gw_module_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(GWVGPU_VERSION);
MODULE_DESCRIPTION("vGPUs with no GPU, to test live migration");
MODULE_AUTHOR("Godwit");
