/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cheap guest: a boot sector that dirties memory at a set rate and lets the host see its time.
 *
 * It fills `pages` pages above 1 MiB with data that is not zero; then, at each interrupt of the PIT, it
 * rewrites the next `dirty` of the first `hot` of them (0: of all), round and round, but for the ticks whose
 * number has a bit of `rest`, and sends one byte out of port 0xe9 (isa-debugcon): a counter modulo 128. So
 * whoever reads the bytes of both sides of a migration sees a lost tick, a repeated one, and a copy that runs
 * beside another. Before a page is rewritten it is checked; damaged memory sends 0xff and ends the ticks.
 * Between interrupts the CPU is halted: the guest costs the host next to nothing.
 *
 * At a tick it also looks for a key, which tells it what to do to itself: O powers off, S falls asleep (both
 * by ACPI's register as SeaBIOS places it), P panics (pvpanic), W writes a sector to the second IDE disk.
 *
 * A page holds a value in its first word and its complement in the last; the value is the page's address
 * plus the number of the round that wrote it. The parameters stand at a fixed offset: see guests.py.
 */
	.set	DEBUGCON, 0xe9
	.set	BASE, 0x100000		/* the first page; A20 is left on by SeaBIOS */
	.set	IDT, 0x6000
	.set	STACK, 0x7c00
	.set	VECTOR, 0x20		/* IRQ 0, after the PIC is told so */
	.set	PARAMETERS, 0x1e0

	.code16
	.globl	_start
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $protected

	.code32
protected:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$STACK, %esp

	/* One gate, for IRQ 0; nothing else can come: the other lines are masked. */
	movl	$IDT + 8 * VECTOR, %edi
	movw	$on_tick, (%edi)
	movw	$8, 2(%edi)
	movl	$0x8e00, 4(%edi)
	lidtl	idt_pointer

	/* Both PICs: edge triggered, cascaded, vectors from VECTOR on, only IRQ 0 open. */
	movb	$0x11, %al
	outb	%al, $0x20
	movb	$VECTOR, %al
	outb	%al, $0x21
	movb	$4, %al
	outb	%al, $0x21
	movb	$1, %al
	outb	%al, $0x21
	movb	$0xfe, %al
	outb	%al, $0x21
	movb	$0xff, %al
	outb	%al, $0xa1

	/* Channel 0, both bytes, mode 2. */
	movb	$0x34, %al
	outb	%al, $0x43
	movl	divisor, %eax
	outb	%al, $0x40
	movb	%ah, %al
	outb	%al, $0x40

	xorl	%ebx, %ebx		/* ticks */
	xorl	%ebp, %ebp		/* the round that wrote the page which comes next */
	movl	$BASE, %edi
	movl	pages, %ecx
	cmpl	$0, hot
	jne	fill
	movl	%ecx, hot		/* all of them */
fill:
	call	write_page
	loop	fill
	movl	$BASE, %edi		/* the page which comes next */
	movl	hot, %esi		/* pages left in this round */
idle:
	sti
	hlt
	jmp	idle

/* Writes the page at edi as round ebp does, and steps edi over it. */
write_page:
	movl	%edi, %eax
	addl	%ebp, %eax
	movl	%eax, (%edi)
	notl	%eax
	movl	%eax, 4092(%edi)
	addl	$4096, %edi
	ret

on_tick:
	movb	$0x20, %al
	outb	%al, $0x20
	movb	%bl, %al
	andb	$0x7f, %al
	outb	%al, $DEBUGCON
	incl	%ebx
	inb	$0x64, %al
	testb	$1, %al
	jz	no_key
	call	on_key
no_key:
	testl	%ebx, rest
	jnz	done
	movl	dirty, %ecx
	jecxz	done
page:
	leal	(%edi,%ebp), %eax
	cmpl	%eax, (%edi)
	jne	damaged
	notl	%eax
	cmpl	%eax, 4092(%edi)
	jne	damaged
	incl	%ebp
	call	write_page
	decl	%ebp
	decl	%esi
	jnz	next
	movl	$BASE, %edi
	movl	hot, %esi
	incl	%ebp
next:
	loop	page
done:
	iretl

/* Scan codes of set 1. */
on_key:
	inb	$0x60, %al
	movw	$0x604, %dx
	movb	$0x20, %ah
	cmpb	$0x18, %al		/* O */
	je	sleep
	movb	$0x24, %ah
	cmpb	$0x1f, %al		/* S */
	je	sleep
	cmpb	$0x11, %al		/* W */
	je	write_sector
	cmpb	$0x19, %al		/* P */
	jne	1f
	movw	$0x505, %dx
	movb	$1, %al
	outb	%al, %dx
1:	ret
sleep:
	movb	$0, %al
	outw	%ax, %dx
	ret

/* Sector 0 of the second disk of the machine "pc", by PIO. */
write_sector:
	pushl	%esi
	movw	$0x1f2, %dx
	movb	$1, %al
	outb	%al, %dx
	movb	$0, %al
1:	incl	%edx
	outb	%al, %dx
	cmpb	$0xf5, %dl
	jne	1b
	incl	%edx
	movb	$0xf0, %al
	outb	%al, %dx
	incl	%edx
	movb	$0x30, %al
	outb	%al, %dx
2:	inb	%dx, %al
	testb	$8, %al
	jz	2b
	movb	$0xf0, %dl
	movl	$BASE, %esi
	movl	$256, %ecx
	rep outsw
	popl	%esi
	ret

damaged:
	movb	$0xff, %al
	outb	%al, $DEBUGCON
	cli
	hlt

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
idt_pointer:
	.word	8 * (VECTOR + 1) - 1
	.long	IDT

	.org	PARAMETERS
	.ascii	"GWTICK\0\0"
pages:	.long	0
dirty:	.long	0
divisor: .long	0
hot:	.long	0
rest:	.long	0
	.org	510
	.word	0xaa55
