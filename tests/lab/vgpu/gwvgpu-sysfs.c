// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: gwvgpu/ of a vGPU in sysfs: the engine, and the truth for tests. */
#include "gwvgpu.h"

#include <linux/kstrtox.h>
#include <linux/sysfs.h>

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

const struct attribute_group gw_vgpu_group = { .name = "gwvgpu", .attrs = gw_vgpu_attributes };
