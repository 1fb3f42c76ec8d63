/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of gwvgpu share; gwvgpu-core.c tells how it works. */
#pragma once

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

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
#define GW_N_STATES	(VFIO_DEVICE_STATE_PRE_COPY_P2P + 1)

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

struct gw_faults {
	struct {
		u64 value;
		u32 left;
	} all[N_FAULTS];
	char driver_version[VERSION_BYTES];
};

/* ---- what there is ---- */

struct gw_type_info {
	const char *id;
	const char *name;
	const char *resolution;
	u32 number;
	u32 mib;
};

#define N_TYPES 4

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

/* ---- gwvgpu-core.c ---- */

extern struct workqueue_struct *gw_queue;
extern const struct class gw_class;
/* By the state. */
extern const char *const gw_state_names[GW_N_STATES];

static inline struct gw_vgpu *
to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct gw_vgpu, vdev);
}

/* NULL: a device that is no parent. */
static inline struct gw_parent *
to_parent(struct device *dev)
{
	return dev->class == &gw_class ? container_of(dev, struct gw_parent, dev) : NULL;
}

static inline bool
gw_is_precopy(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_PRE_COPY || state == VFIO_DEVICE_STATE_PRE_COPY_P2P;
}

/* Does the GPU compute? In the P2P states it does; it only starts no DMA. */
static inline bool
gw_computes(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_RUNNING || state == VFIO_DEVICE_STATE_RUNNING_P2P ||
	       gw_is_precopy(state);
}

static inline bool
gw_may_dma(enum vfio_device_mig_state state)
{
	return state == VFIO_DEVICE_STATE_RUNNING || state == VFIO_DEVICE_STATE_PRE_COPY;
}

/* ---- gwvgpu-engine.c: vRAM, and the engine that writes it ---- */

u64 gw_digest(const struct gw_vgpu *vgpu);
void gw_mark_written(struct gw_vgpu *vgpu, u32 chunk);
void gw_write_chunk(struct gw_vgpu *vgpu, u32 chunk);
void gw_blank(struct gw_vgpu *vgpu);
void gw_engine_tick(struct work_struct *work);
void gw_set_rate(struct gw_vgpu *vgpu, u64 rate);
void gw_set_working_set(struct gw_vgpu *vgpu, u64 bytes);
void gw_dma_work(struct work_struct *work);

/* ---- gwvgpu-transfer.c: save and load ---- */

u64 gw_stop_copy_bytes(const struct gw_vgpu *vgpu);
int gw_load_finish(struct gw_vgpu *vgpu);
void gw_transfer_end(struct gw_vgpu *vgpu);
struct file *gw_save_begin(struct gw_vgpu *vgpu, bool final);
struct file *gw_load_begin(struct gw_vgpu *vgpu);

/* ---- gwvgpu-state.c: the migration states ---- */

void gw_announce(struct gw_vgpu *vgpu);
void gw_reset(struct gw_vgpu *vgpu);

/* ---- gwvgpu-pci.c ---- */

void gw_config_init(struct gw_vgpu *vgpu);
ssize_t gw_read(struct vfio_device *vdev, char __user *to, size_t bytes, loff_t *pos);
ssize_t gw_write(struct vfio_device *vdev, const char __user *from, size_t bytes, loff_t *pos);
long gw_ioctl(struct vfio_device *vdev, unsigned int command, unsigned long arg);

/* ---- gwvgpu-faults.c ---- */

u32 gw_fault_times(enum gw_fault_id id);
u64 gw_fault_value(const struct gw_faults *faults, enum gw_fault_id id);
u64 gw_fault_fire(struct gw_faults *faults, enum gw_fault_id id);
const char *gw_driver_version(const struct gw_vgpu *vgpu);
void gw_make_fault_attributes(void);
/* fault/ of a parent and of a vGPU; gw_make_fault_attributes() fills them. */
extern const struct attribute_group gw_parent_fault_group, gw_vgpu_fault_group;

/* ---- gwvgpu-sysfs.c: gwvgpu/ of a vGPU ---- */

extern const struct attribute_group gw_vgpu_group;
