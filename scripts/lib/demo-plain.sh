# SPDX-License-Identifier: LGPL-2.1-or-later
# The demo without vGPUs: both hosts are this machine. Sourced by scripts/demo.

work=
agent=

# The pids of what runs in our folder: QEMUs were started by godwit, not by us.
ours()
{
	for entry in /proc/[0-9]*; do
		if tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | grep -qF "path=$work/"; then
			printf '%s ' "${entry#/proc/}"
		fi
	done
}

clean_up()
{
	trap '' INT TERM
	[ -n "$work" ] || return 0
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	[ -z "$agent" ] || wait "$agent" 2>/dev/null || true
	pids=$(ours)
	# shellcheck disable=SC2086 # a list
	[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# write_vm HOST QEMU. The odd size of the RAM: see ODD_KIB in tests/live/guests.py, as for the CPU.
write_vm()
{
	mkdir -p "$work/$1/vms" "$work/$1/state"
	cat >"$work/$1/vms/demo.vm" <<END
[vm]
name=demo
qmp=$work/$1/qmp
argv=$2 -name demo -machine pc-q35-7.2 -accel tcg -cpu qemu64,-cx16 -m 262152k -nodefaults -no-user-config -display none -kernel $guests/kernel -initrd $guests/initramfs -append 'console=ttyS0 quiet loglevel=0 panic=-1 nokaslr gw.mb=128 gw.rate=16' -chardev file,id=serial,path=$work/$1/serial -serial chardev:serial -qmp unix:\${qmp},server=on,wait=off
END
}

beats()
{
	grep -ac heartbeat "$work/$1/serial" 2>/dev/null || true
}

# wait_beats HOST COUNT
wait_beats()
{
	for _ in $(seq 600); do
		[ "$(beats "$1")" -lt "$2" ] || return 0
		sleep 0.1
	done
	die "the guest on $1 gives no sign of life; its serial line is in $work/$1/serial"
}

# Does the guest's count go on from one host to the other, with no number lost or repeated? The move may
# split a line, and the last one may not be complete.
check_beats()
{
	cat "$work/source/serial" "$work/destination/serial" | tr -d '\r' | sed '$d' |
		awk '$0 != "heartbeat " n + 0 { exit bad = 1 } { n++ } END {
			if (bad) { print "heartbeat " n + 0 " came as: " $0; exit 1 }
			print n " heartbeats, none lost, none repeated" }'
}

step "1. Getting ready: packages, build, two QEMUs, a small Linux guest"
build_godwit
new_qemu=$(scripts/qemu-root)
guests=$(scripts/guests)
godwit=$checkout/build/tools/godwit
# Long folders do not fit into a socket's address.
work=$(mktemp -d /tmp/godwit-demo.XXXXXX)
say "   $("$godwit" --version | head -n 1), from $(qemu-system-x86_64 --version | head -n 1 | sed 's/ (.*//')"
say "   to $("$new_qemu" --version | head -n 1 | sed 's/ (.*//'), both emulating the CPU"
write_vm source qemu-system-x86_64
write_vm destination "$new_qemu"

step "2. Starting the guest on the source: godwit run"
"$godwit" run "$work/source/vms/demo.vm" --state-dir "$work/source/state"
wait_beats source 20
say "   it is up and counts; the end of its serial line:"
tail -n 3 "$work/source/serial" | sed 's/^/      /'

step "3. Starting the agent on the destination: godwitd"
"$checkout/build/tools/godwitd" --listen 127.0.0.1:0 --vm-dir "$work/destination/vms" \
	--state-dir "$work/destination/state" >"$work/agent.out" 2>"$work/agent.err" &
agent=$!
for _ in $(seq 100); do
	grep -qs '^listening on ' "$work/agent.out" && break
	kill -0 "$agent" 2>/dev/null || die "the agent ended: $(cat "$work/agent.err")"
	sleep 0.05
done
address=$(sed -n 's/^listening on //p' "$work/agent.out")
say "   it listens on $address"

step "4. Migrating while the guest writes 16 MiB a second: godwit migrate"
"$godwit" migrate --vm "$work/source/vms/demo.vm" --to "$address" --bandwidth 64MiB \
	--state-dir "$work/source/state" --report "$work/report.json"

step "5. The guest goes on counting on the destination"
wait_beats destination 20
tail -n 3 "$work/destination/serial" | sed 's/^/      /'
counted=$(check_beats) || die "$counted"
say "   $counted"

step "6. What happened: godwit report"
"$godwit" report "$work/report.json"
