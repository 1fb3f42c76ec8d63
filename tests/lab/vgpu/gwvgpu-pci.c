// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: a vGPU as a PCI device: its configuration, its registers and the window on its vRAM. */
#include "gwvgpu.h"

#include <linux/pci.h>

static void
gw_config_bar(struct gw_vgpu *vgpu, u32 offset, u64 bytes, u32 flags)
{
	*(u32 *)(vgpu->config + offset) = flags;
	*(u32 *)(vgpu->writable + offset) = ~(u32)(bytes - 1);
}

void
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

/* The registers: 0 identity, 8 bytes of vRAM, 16 dirty rate (rw), 24 working set (rw), 32
 * digest. */
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

ssize_t
gw_read(struct vfio_device *vdev, char __user *to, size_t bytes, loff_t *pos)
{
	return gw_access(to_vgpu(vdev), to, bytes, pos, false);
}

ssize_t
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

long
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
