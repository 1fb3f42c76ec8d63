// SPDX-License-Identifier: GPL-2.0-only
/* gwvgpu: vRAM, the engine that rewrites it with no CPU in it, and its DMA. */
#include "gwvgpu.h"

#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/xxhash.h>

/* ---- vRAM ---- */

u64
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

void
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
void
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
void
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

void
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

void
gw_set_rate(struct gw_vgpu *vgpu, u64 rate)
{
	vgpu->rate = min(rate, RATE_MAX);
	vgpu->engine_last_ns = ktime_get_ns();
	gw_engine_kick(vgpu);
}

void
gw_set_working_set(struct gw_vgpu *vgpu, u64 bytes)
{
	vgpu->working_set =
		clamp_t(u64, round_down(bytes, CHUNK_BYTES), CHUNK_BYTES, vgpu->vram_bytes);
	vgpu->position = 0;
}

/* type1 takes a write from the user's own process or from a kernel thread: here it is the
 * latter. */
void
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
