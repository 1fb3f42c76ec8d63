// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: the states of a migration and what each arc between them does. */
#include "gwvgpu.h"

#include <linux/file.h>

const char *const gw_state_names[GW_N_STATES] = {
	[VFIO_DEVICE_STATE_ERROR] = "error",
	[VFIO_DEVICE_STATE_STOP] = "stop",
	[VFIO_DEVICE_STATE_RUNNING] = "running",
	[VFIO_DEVICE_STATE_STOP_COPY] = "stop-copy",
	[VFIO_DEVICE_STATE_RESUMING] = "resuming",
	[VFIO_DEVICE_STATE_RUNNING_P2P] = "running-p2p",
	[VFIO_DEVICE_STATE_PRE_COPY] = "pre-copy",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "pre-copy-p2p",
};

/* What moving along one arc does; the state itself is the caller's. A file for the user, NULL or an
 * error. */
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
void
gw_announce(struct gw_vgpu *vgpu)
{
	const struct gw_faults *faults = &vgpu->faults;

	vgpu->vdev.mig_ops = gw_fault_value(faults, NO_MIGRATION) != 0 ? NULL : &gw_migration_ops;
	vgpu->vdev.migration_flags =
		VFIO_MIGRATION_STOP_COPY |
		(gw_fault_value(faults, NO_P2P) != 0 ? 0 : VFIO_MIGRATION_P2P) |
		(gw_fault_value(faults, NO_PRECOPY) != 0 ? 0 : VFIO_MIGRATION_PRE_COPY);
}

void
gw_reset(struct gw_vgpu *vgpu)
{
	gw_transfer_end(vgpu);
	vgpu->state = VFIO_DEVICE_STATE_RUNNING;
	gw_blank(vgpu);
	vgpu->resets++;
}
