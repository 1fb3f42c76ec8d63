// SPDX-License-Identifier: GPL-2.0-only
/*
 * gwvgpu: vGPUs with no GPU under them, to test the live migration of vGPUs.
 *
 * Theory of operation
 *
 * Parents (gwvgpu0, gwvgpu1...) are plain devices of a class. Each offers the same mdev types,
 * named and described as NVIDIA's are, and has a framebuffer budget that all its vGPUs share: a
 * type can be created as long as the budget has room. A vGPU is a PCI display device with registers
 * (BAR0) and a window on its vRAM (BAR2). Neither can be mapped: each access of the CPU traps into
 * this driver.
 *
 * The GPU engine is a delayed work that rewrites vRAM, chunk by chunk (4 KiB), at a set rate. No
 * CPU of the guest and no page table takes part: neither QEMU nor KVM can see these writes, just as
 * on a real board.
 *
 * Three bitmaps have one bit a chunk: `used` is every chunk written since the reset, `dirty` what a
 * running save has to send yet, `initial` those of `dirty` that were there when the save began. A
 * save walks over `dirty` in groups of 64 chunks, copies one group at a time into a buffer of its
 * own (so memory stays bounded) and clears the bits. When nothing is dirty a pre-copy reads ENOMSG,
 * a stop-copy sends the tail and then ends. A load writes the chunks straight into vRAM.
 *
 * The image, in x86-64's byte order: gw_head; any number of gw_batch, each followed by the chunks
 * that its bitmap names; gw_tail, with the digest of the whole vRAM and what the engine needs to go
 * on. Broken structure is refused at once, by write(); driver version, completeness and digest at
 * RESUMING to STOP, as real drivers do.
 *
 * Locks: a vGPU's `lock` covers all of it, its transfers too; a parent's `lock` covers its budget
 * and faults; a parent's is never taken with a vGPU's held. No spin lock, nothing here runs in
 * atomic context. A transfer's file holds a reference of the vGPU, so it may outlive it; `dead`
 * then makes it useless.
 *
 * Faults are files in fault/ of a parent, inherited by the vGPUs created later, and of a vGPU. A
 * text is "VALUE" or "VALUE TIMES"; see gw_fault_names.
 */
#include "gwvgpu.h"

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/bitmap.h>

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

static const struct gw_type_info gw_type_infos[] = {
	{ "62", "GWVGPU V1-0B", "2560x1600", 62, 4 },
	{ "63", "GWVGPU V1-1Q", "5120x2880", 63, 16 },
	{ "64", "GWVGPU V1-2Q", "7680x4320", 64, 32 },
	{ "65", "GWVGPU V1-4Q", "7680x4320", 65, 64 },
};

static_assert(ARRAY_SIZE(gw_type_infos) == N_TYPES);

struct workqueue_struct *gw_queue;
static struct gw_parent *gw_parents[PARENTS_MAX];
const struct class gw_class = { .name = "gwvgpu" };

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

static const struct attribute_group *gw_parent_groups[] = { &gw_parent_fault_group, NULL };
static const struct attribute_group *gw_vgpu_groups[] = { &gw_vgpu_group, &gw_vgpu_fault_group,
							  NULL };

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
