# SPDX-License-Identifier: LGPL-2.1-or-later
# The demo with a vGPU: the hosts are the lab's two virtual machines. Sourced by scripts/demo.

there=/run/godwit-demo # in each host
address=10.78.0.2 # of host two
started=
work=

clean_up()
{
	trap '' INT TERM
	[ -z "$started" ] || scripts/lab down || say "demo: 'scripts/lab down' has failed: see 'scripts/lab status'"
	[ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# inside HOST COMMAND...: runs it there, its output and exit code are ours.
inside()
{
	host=$1
	shift
	scripts/lab run --vm "$host" -- "$@" </dev/null
}

# helper HOST ACT...
helper()
{
	host=$1
	shift
	inside "$host" "$checkout/scripts/lib/demo-host.py" "$there" "$@"
}

# show HOST ARGUMENTS...: of godwit, shown as one would type them.
show()
{
	host=$1
	shift
	say "$host# godwit $*"
	inside "$host" "$checkout/build/tools/godwit" "$@"
}

show_mdevs()
{
	for host in one two; do
		show "$host" mdev list
	done
}

# On a terminal the progress line is one line, and Ctrl-C is godwit's to handle.
migrate()
{
	hook="[ \$GODWIT_PHASE != commit ] || cat /sys/bus/mdev/devices/*/gwvgpu/stop_checksum >$there/stop_checksum"
	set -- migrate --vm "$there/vms/demo.vm" --to "$address" --insecure --bandwidth 8MiB --downtime-limit 1s --on-stall extend \
		--state-dir "$there/state" --report "$there/report.json"
	say "one# godwit $*"
	set -- "$checkout/build/tools/godwit" "$@" --hook "$hook"
	if [ -t 1 ]; then
		scripts/lab shell --vm one -- "$@"
	else
		inside one "$@"
	fi
}

# The guest sends a number modulo 128 with each tick, and 255 if it finds its memory damaged.
check_ticks()
{
	inside one cat "$there/clock" >"$work/ticks"
	inside two cat "$there/clock" >>"$work/ticks"
	od -An -v -w1 -tu1 "$work/ticks" | awk '
		$1 != n % 128 { exit bad = 1 }
		{ n++ }
		END {
			if (bad) { print "tick " n + 0 " came as " $1; exit 1 }
			print n " ticks, none lost, none repeated; its RAM is as it wrote it"
		}'
}

compare_checksums()
{
	before=$(inside one cat "$there/stop_checksum")
	after=$(inside two sh -c 'cat /sys/bus/mdev/devices/*/gwvgpu/load_checksum')
	say "   host one, when the guest stopped   $before"
	say "   host two, when it was loaded       $after"
	[ -n "$before" ] && [ "$before" = "$after" ] || die "the vRAM is not the same"
	say "   the same"
}

step "1. Getting ready: packages, build, the lab's disk (the first time that takes some minutes)"
build_godwit
export GODWIT_BUILD=$checkout/build
if scripts/lab status | grep -q ': up'; then
	die "the lab is up already: end it with 'scripts/lab down'"
fi
work=$(mktemp -d)

step "2. Starting two hosts: virtual machines with Debian 13, joined by a network"
say "   The GPU in them is no real one: it is gwvgpu, a driver of ours that behaves as a board with vGPUs does"
say "   towards the kernel. Kernel, VFIO, QEMU and Godwit are the real ones. All is emulated, so nothing is fast."
started=yes
scripts/lab up --two
for host in one two; do
	helper "$host" prepare
done
say "   both have the same VM file:"
inside one grep -v '^$' "$there/vms/demo.vm" | cut -c 1-100 | sed 's/^/      /'

step "3. Starting the guest on host one; godwit makes its vGPU"
show one run "$there/vms/demo.vm" --state-dir "$there/state"
helper one ticking
helper one write 2097152
say "   it ticks, and its GPU now writes 2 MiB of vRAM a second"

step "4. Starting the agent on host two: godwitd"
helper two agent "$address" | sed 's/^/   /'

step "5. The vGPUs before"
show_mdevs

step "6. Live migration from host one to host two; both the guest and its GPU go on writing"
migrate
helper two ticking

step "7. The vGPUs after"
show_mdevs

step "8. The checksum of the vRAM"
compare_checksums

step "9. The guest ticks on, on host two"
counted=$(check_ticks) || die "$counted"
say "   $counted"

step "10. What happened: godwit report"
show one report "$there/report.json"
