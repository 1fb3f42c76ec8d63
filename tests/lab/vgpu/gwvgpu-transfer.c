// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: the image of a vGPU, saved and loaded through the file of a transfer. */
#include "gwvgpu.h"

#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

/* ---- saving ---- */

/* An upper bound of what a stop-copy would send now. Never 0: QEMU allocates that much. */
u64
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
int
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

void
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

struct file *
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

struct file *
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
