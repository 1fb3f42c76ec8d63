# SPDX-License-Identifier: LGPL-2.1-or-later
# What every script here needs: where things are, how to speak, how to become root. Sourced, never run.

set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd -P)

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Runs a command as root: as it is for root, else through sudo.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "'$1' needs root: run this as root, or install sudo"
	fi
}

# Prints the folder for what takes long to make: other QEMUs, guests. Never inside the checkout.
cache_dir()
{
	dir=${GODWIT_CACHE:-/var/cache/godwit}
	if mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ]; then
		(cd "$dir" && pwd -P)
		return
	fi
	[ -z "${GODWIT_CACHE:-}" ] || die "'$dir' (GODWIT_CACHE) cannot be written to"
	dir=${XDG_CACHE_HOME:-$HOME/.cache}/godwit
	mkdir -p "$dir" || die "'$dir' cannot be made"
	(cd "$dir" && pwd -P)
}

# Runs a command with its output kept in FILE, shown only if it fails: quietly FILE COMMAND...
quietly()
{
	quiet_log=$1
	shift
	if "$@" >"$quiet_log" 2>&1 </dev/null; then
		return 0
	fi
	printf '%s: failed; the end of %s:\n' "$*" "$quiet_log" >&2
	tail -n 40 "$quiet_log" >&2
	return 1
}

# Package lists are fetched again only when apt knows nothing of a package, or says they are stale.
apt_refresh()
{
	as_root apt-get -qq update </dev/null
}

apt_knows()
{
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}
