// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: the faults that a test can set, and fault/ of a parent and of a vGPU in sysfs. */
#include "gwvgpu.h"

#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/sysfs.h>

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

/* Faults that would never end a test if they stayed are for once, settings for always. */
u32
gw_fault_times(enum gw_fault_id id)
{
	return id == FAIL_ARC || id == READ_ERROR || id == LOAD_ERROR || id == REFUSE_IMAGE
		       ? 1
		       : ALWAYS;
}

u64
gw_fault_value(const struct gw_faults *faults, enum gw_fault_id id)
{
	return faults->all[id].left != 0 ? faults->all[id].value : 0;
}

/* Returns the fault's value, or 0 for none, and counts it as fired. */
u64
gw_fault_fire(struct gw_faults *faults, enum gw_fault_id id)
{
	u64 value = gw_fault_value(faults, id);

	if (value != 0 && faults->all[id].left != ALWAYS)
		faults->all[id].left--;
	return value;
}

const char *
gw_driver_version(const struct gw_vgpu *vgpu)
{
	return vgpu->faults.driver_version[0] != '\0' ? vgpu->faults.driver_version
						      : GWVGPU_VERSION;
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
const struct attribute_group gw_parent_fault_group = { .name = "fault",
						       .attrs = gw_parent_fault_list };
const struct attribute_group gw_vgpu_fault_group = { .name = "fault", .attrs = gw_vgpu_fault_list };
void
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
