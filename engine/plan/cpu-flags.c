/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of the bits of CPUID, as QEMU spells them in -cpu, from bit 0 upwards; a dash is a bit
 * without a name. From Intel's and AMD's manuals and, for 40000001, the kernel's
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "engine/plan/cpu-flags.h"

#include <string.h>

static const struct {
	const char *word;
	const char *names;
} words[] = {
	{ "00000001.0.EDX", "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat "
			    "pse36 pn clflush - ds "
			    "acpi mmx fxsr sse sse2 ss ht tm ia64 pbe" },
	{ "00000001.0.ECX",
	  "pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - "
	  "pcid "
	  "dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand "
	  "hypervisor" },
	{ "00000006.0.EAX", "- - arat" },
	{ "00000007.0.EBX",
	  "fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm - "
	  "zero-fcs-fds mpx - avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb "
	  "intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl" },
	{ "00000007.0.ECX",
	  "- avx512vbmi umip pku ospke waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni "
	  "avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - "
	  "movdiri "
	  "movdir64b - sgxlc pks" },
	{ "00000007.0.EDX", "- - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - "
			    "md-clear - - - serialize - "
			    "tsx-ldtrk - - arch-lbr - - amx-bf16 avx512-fp16 amx-tile amx-int8 "
			    "spec-ctrl stibp flush-l1d "
			    "arch-capabilities core-capability ssbd" },
	{ "00000007.1.EAX", "sha512 sm3 sm4 - avx-vnni avx512-bf16 - cmpccxadd - - fzrm fsrs fsrc "
			    "- - - - fred lkgs wrmsrns - "
			    "amx-fp16 - avx-ifma - - lam" },
	{ "0000000d.1.EAX", "xsaveopt xsavec xgetbv1 xsaves xfd" },
	{ "40000001.0.EAX",
	  "kvmclock kvm-nopiodelay kvm-mmu kvmclock kvm-asyncpf kvm-steal-time kvm-pv-eoi "
	  "kvm-pv-unhalt - "
	  "kvm-pv-tlb-flush - kvm-pv-ipi kvm-poll-control kvm-pv-sched-yield kvm-asyncpf-int "
	  "kvm-msi-ext-dest-id - - - - - - - - kvmclock-stable-bit" },
	{ "80000001.0.EDX",
	  "fpu vme de pse tsc msr pae mce cx8 apic - syscall mtrr pge mca cmov pat pse36 - mp nx - "
	  "mmxext mmx fxsr fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow" },
	{ "80000001.0.ECX",
	  "lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs "
	  "xop skinit "
	  "wdt - lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb" },
	{ "80000007.0.EDX", "- - - - - - - - invtsc" },
	{ "80000008.0.EBX", "clzero - xsaveerptr - - - - - - wbnoinvd - - ibpb - ibrs amd-stibp - "
			    "stibp-always-on - - - - - - "
			    "amd-ssbd virt-ssbd amd-no-ssb - amd-psfd" },
};

static const char *
find_names(const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].names;
	return "";
}

char *
cpu_names_of(const char *word, guint32 bits)
{
	g_auto(GStrv) names = g_strsplit(find_names(word), " ", 32);
	guint n_names = g_strv_length(names);
	GString *text = g_string_new(NULL);
	for (guint bit = 0; bit < 32; bit++) {
		if ((bits & (1u << bit)) == 0)
			continue;
		const char *separator = text->len > 0 ? " " : "";
		if (bit < n_names && strcmp(names[bit], "-") != 0)
			g_string_append_printf(text, "%s%s", separator, names[bit]);
		else
			g_string_append_printf(text, "%s%s.%u", separator, word, bit);
	}
	return g_string_free(text, FALSE);
}
