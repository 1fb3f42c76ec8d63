/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts the heap by standing in front of the C library's allocator. With a sanitizer or valgrind,
 * which have one of their own, only the time is looked at, and that more patiently.
 */
#include "tests/fuzz/cost.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FIXED_HEAP_BYTES (1024 * 1024)
#define FIXED_CPU_US	 1000000 /* far above any sound input, on a busy machine too */

static gsize heap_bytes;
static gsize peak_bytes;

#if !defined(__SANITIZE_ADDRESS__) && defined(__GLIBC__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static void *
count(void *block)
{
	gsize now = __atomic_add_fetch(&heap_bytes, block != NULL ? malloc_usable_size(block) : 0,
				       __ATOMIC_RELAXED);
	if (now > __atomic_load_n(&peak_bytes, __ATOMIC_RELAXED))
		__atomic_store_n(&peak_bytes, now, __ATOMIC_RELAXED);
	return block;
}

static void
uncount(void *block)
{
	if (block != NULL)
		__atomic_sub_fetch(&heap_bytes, malloc_usable_size(block), __ATOMIC_RELAXED);
}

void *
malloc(size_t size)
{
	return count(__libc_malloc(size));
}

void *
calloc(size_t n, size_t size)
{
	return count(__libc_calloc(n, size));
}

void *
realloc(void *block, size_t size)
{
	uncount(block);
	void *moved = __libc_realloc(block, size);
	gboolean has_failed = moved == NULL && size > 0;
	count(has_failed ? block : moved);
	return moved;
}

void
free(void *block)
{
	uncount(block);
	__libc_free(block);
}
#endif

static gint64
cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

void
cost_begin(Cost *self)
{
	self->heap_before_bytes = __atomic_load_n(&heap_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&peak_bytes, self->heap_before_bytes, __ATOMIC_RELAXED);
	self->cpu_before_us = cpu_us();
}

void
cost_end(const Cost *self, gsize size, gsize heap_factor, gsize cpu_us_per_kib)
{
	gint64 used_us = cpu_us() - self->cpu_before_us;
	gsize peak = __atomic_load_n(&peak_bytes, __ATOMIC_RELAXED);
	gsize used = peak > self->heap_before_bytes ? peak - self->heap_before_bytes : 0;
	gint64 allowed_us = FIXED_CPU_US + (gint64)(size * cpu_us_per_kib / 1024);
	if (used <= FIXED_HEAP_BYTES + size * heap_factor && used_us <= allowed_us)
		return;
	fprintf(stderr, "%zu bytes of input cost %zu bytes of heap and %lld us\n", (size_t)size,
		(size_t)used, (long long)used_us);
	abort();
}
