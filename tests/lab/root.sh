# SPDX-License-Identifier: LGPL-2.1-or-later
# The lab's Debian 13 root and its kernel module, built once into the cache. Sourced by scripts/lab, after
# lib/common.sh.

lab_packages=linux-image-amd64,linux-headers-amd64,gcc,make,qemu-system-x86,libglib2.0-0t64,libjson-glib-1.0-0
lab_packages=$lab_packages,libpciaccess0,libssl3t64,iproute2,python3,procps,kmod,busybox-static,strace
lab_source=$checkout/tests/lab

# The mirror that apt itself uses for Debian: of a one-line or a deb822 source.
lab_mirror()
{
	apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 !~ /-/ { print $1; exit }'
}

# What makes a new root necessary: the packages and what goes into its image.
lab_root_stamp()
{
	{ echo "$lab_packages"; cat "$lab_source/guest/lab-init" "$lab_source/initrd.py"; } | sha256sum | cut -c 1-16
}

# lab_make_root FOLDER: tree/, root.img, kernel and initrd, in it.
lab_make_root()
{
	mirror=$(lab_mirror)
	if [ -z "$mirror" ]; then
		apt_refresh
		mirror=$(lab_mirror)
	fi
	[ -n "$mirror" ] || die "apt's own configuration names no Debian mirror"
	quietly "$1.log" as_root debootstrap --variant=minbase --include="$lab_packages" trixie "$1/tree" "$mirror" ||
		return 1
	as_root sh -c "cd '$1/tree' && rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* boot/initrd* \
		usr/share/doc usr/share/man usr/share/locale"
	as_root install -m 755 "$lab_source/guest/lab-init" "$1/tree/sbin/lab-init"
	as_root install -m 644 "$1"/tree/boot/vmlinuz-* "$1/kernel"
	python3 "$lab_source/initrd.py" "$1/tree" "$1/initrd" || return 1
	quietly "$1.log" as_root mke2fs -q -t ext4 -O '^has_journal' -d "$1/tree" "$1/root.img" 1800M || return 1
	as_root chown "$(id -u):$(id -g)" "$1" "$1/kernel" "$1/root.img"
	lab_root_stamp >"$1/stamp"
}

# Builds the root if it is not there or not this one. Prints its folder.
lab_root()
{
	lab_cache=$(cache_dir)
	exec 9>"$lab_cache/.lab.lock"
	flock 9
	if [ "$(cat "$lab_cache/lab/stamp" 2>/dev/null)" != "$(lab_root_stamp)" ]; then
		"$checkout/scripts/deps" test >&2
		as_root rm -rf "$lab_cache"/.lab.??????
		part=$(mktemp -d "$lab_cache/.lab.XXXXXX")
		trap 'as_root rm -rf "$part" "$part.log"' EXIT
		trap 'exit 130' INT TERM
		say "building the lab's root of Debian 13 in $lab_cache/lab (once, about 2 minutes)" >&2
		chmod 755 "$part"
		lab_make_root "$part" || exit 1
		as_root rm -rf "$lab_cache/lab"
		mv "$part" "$lab_cache/lab"
	fi
	exec 9>&-
	printf '%s/lab\n' "$lab_cache"
}

# lab_module ROOT FOLDER NAME [VERSION]: FOLDER/NAME.ko, built in the root, if it is not of this source and kernel.
lab_module()
{
	made=$2/$3.ko
	release=$(ls "$1/tree/lib/modules")
	sum=$(cat "$lab_source"/vgpu/*.[ch] "$lab_source/vgpu/Kbuild" | sha256sum | cut -c 1-16)
	if [ "$(cat "$made.of" 2>/dev/null)" = "$release $sum" ]; then
		return 0
	fi
	scratch=$(as_root mktemp -d "$1/tree/root/vgpu.XXXXXX")
	as_root cp "$lab_source"/vgpu/*.[ch] "$lab_source/vgpu/Kbuild" "$lab_source/vgpu/Makefile" "$scratch/"
	inside=/root/${scratch##*/}
	built=0
	quietly "$2/$3.log" as_root chroot "$1/tree" make -C "$inside" "KDIR=/lib/modules/$release/build" \
		${4:+"GWVGPU_VERSION=$4"} || built=1
	if [ "$built" -eq 0 ]; then
		cp "$scratch/gwvgpu.ko" "$made"
		echo "$release $sum" >"$made.of"
	fi
	as_root rm -rf "$scratch"
	return "$built"
}
