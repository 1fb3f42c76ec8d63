/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only process of the Linux guest: /init of its initramfs.
 *
 * It rewrites memory at a set rate and prints "heartbeat N" on the serial line every 100 ms, N
 * counting up from 0 without a gap. Each page is verified just before it is rewritten; "corrupt
 * page P round R" is printed once for each that is not what it was, so memory damaged on the way
 * does not go unseen. It takes its settings from the kernel's command line: gw.mb=MiB of memory,
 * gw.rate=MiB written a second. It never ends: the kernel would panic.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES	4096
#define PAGE_WORDS	(PAGE_BYTES / 8)
#define SLICE_NS	10000000L
#define SLICES_PER_BEAT 10

typedef struct {
	uint64_t *words;
	uint64_t page_count;
	uint64_t next_page;
	uint64_t round; /* the one that wrote next_page */
} Memory;

static int serial = -1;

static void
say(const char *format, uint64_t first, uint64_t second)
{
	char line[80];
	int len = snprintf(line, sizeof line, format, (unsigned long long)first,
			   (unsigned long long)second);
	if (write(serial, line, (size_t)len) != len)
		sleep(1);
}

static void
open_serial(void)
{
	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	serial = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
	struct termios mode;
	if (tcgetattr(serial, &mode) != 0)
		return;
	cfmakeraw(&mode);
	tcsetattr(serial, TCSANOW, &mode);
}

/* The number after KEY= on the kernel's command line, or FALLBACK. */
static uint64_t
setting(const char *key, uint64_t fallback)
{
	char text[2048] = "";
	int fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0)
		return fallback;
	ssize_t len = read(fd, text, sizeof text - 1);
	close(fd);
	if (len <= 0)
		return fallback;
	const char *found = strstr(text, key);
	return found == NULL ? fallback : strtoull(found + strlen(key), NULL, 10);
}

static uint64_t
word_of(uint64_t page, uint64_t round, unsigned int index)
{
	return (page * PAGE_WORDS + index + 1) * 0x9e3779b97f4a7c15u + round;
}

static void
write_page(Memory *memory, uint64_t page, uint64_t round)
{
	uint64_t *words = memory->words + page * PAGE_WORDS;
	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		words[i] = word_of(page, round, i);
}

static int
page_is_whole(const Memory *memory, uint64_t page, uint64_t round)
{
	const uint64_t *words = memory->words + page * PAGE_WORDS;
	for (unsigned int i = 0; i < PAGE_WORDS; i++) {
		if (words[i] != word_of(page, round, i))
			return 0;
	}
	return 1;
}

static void
rewrite_next(Memory *memory)
{
	uint64_t page = memory->next_page;
	if (!page_is_whole(memory, page, memory->round))
		say("corrupt page %llu round %llu\n", page, memory->round);
	write_page(memory, page, memory->round + 1);
	if (++memory->next_page == memory->page_count) {
		memory->next_page = 0;
		memory->round++;
	}
}

static void
memory_init(Memory *memory, uint64_t mib)
{
	*memory = (Memory){ .page_count = mib << 20 >> 12 };
	memory->words = mmap(NULL, memory->page_count * PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory->words == MAP_FAILED) {
		say("no memory\n", 0, 0);
		memory->page_count = 0;
	}
	for (uint64_t page = 0; page < memory->page_count; page++)
		write_page(memory, page, 0);
}

/* Sleeps to the next slice; a guest that is late starts anew from now and does not hurry after. */
static void
wait_slice(struct timespec *next)
{
	next->tv_nsec += SLICE_NS;
	if (next->tv_nsec >= 1000000000L) {
		next->tv_nsec -= 1000000000L;
		next->tv_sec++;
	}
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > next->tv_sec ||
	    (now.tv_sec == next->tv_sec && now.tv_nsec > next->tv_nsec)) {
		*next = now;
		return;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int
main(void)
{
	open_serial();
	Memory memory;
	memory_init(&memory, setting("gw.mb=", 32));
	uint64_t pages_per_s = memory.page_count > 0 ? setting("gw.rate=", 8) << 20 >> 12 : 0;
	uint64_t owed = 0;
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint64_t slice = 0;; slice++) {
		if (slice % SLICES_PER_BEAT == 0)
			say("heartbeat %llu\n", slice / SLICES_PER_BEAT, 0);
		for (owed += pages_per_s; owed >= 100; owed -= 100)
			rewrite_next(&memory);
		wait_slice(&next);
	}
}
