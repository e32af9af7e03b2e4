#!/bin/sh
# The tool's main job, end to end, on one machine and as an ordinary user: the four routers of the example network run as
# lab routers on loopback; everything below is what a person would type. It ends by itself and leaves nothing behind.
#
# Run it with `make demo`, which builds the programs first; a test runs it with those in $RHAPSODE_BIN.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
PATH=${RHAPSODE_BIN:-$here/bin}:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/rhapsode-demo.XXXXXX")
fleet=

cleanup() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$fleet" ]; then
		kill "$fleet" 2>/dev/null || true
		wait "$fleet" 2>/dev/null || true
	fi
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n\n== %s\n' "$*"; }

# show prints a command as it would be typed.
show() {
	printf '\n$'
	for word; do
		case $word in
		*[!A-Za-z0-9_./:=@,-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
}

# run shows a command and runs it; it must succeed.
run() {
	show "$@"
	"$@"
}

# differs shows a command and runs it; it must end with 99, "there is a difference".
differs() {
	show "$@"
	code=0
	"$@" || code=$?
	if [ "$code" -ne 99 ]; then
		echo "demo: expected exit code 99, got $code" >&2
		exit 1
	fi
	echo "(exit code 99: there is a difference)"
}

# edit FILE SED changes a file of the inventory; the edit must change something.
edit() {
	show sed -i "$2" "$1"
	sed "$2" "$1" >"$work/edited"
	if cmp -s "$1" "$work/edited"; then
		echo "demo: the edit changed nothing" >&2
		exit 1
	fi
	cp "$work/edited" "$1"
}

cd "$work"
export HOME="$work" USER="${USER:-demo}" XDG_STATE_HOME="$work/state"
export RHAPSODE_INVENTORY=network RHAPSODE_SSH_CONFIG="$work/ssh_config"
LABROUTER_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
RHAPSODE_PASSWORD=$LABROUTER_PASSWORD
export LABROUTER_PASSWORD RHAPSODE_PASSWORD

step "Four routers with nothing but a name, ssh and NETCONF"
cp -R "$here/inventory/example" network
chmod -R u+w network
mkdir factory
for name in cr1.ams cr1.fra cr2.ams cr2.fra; do
	printf 'system {\n    host-name %s;\n    services {\n        ssh;\n        netconf {\n            ssh;\n        }\n    }\n}\n' \
		"$name" >"factory/$name.example.net.conf"
done

# Four ports in a row that nobody uses: try until the fleet says that it is ready.
for try in 1 2 3 4 5 6 7 8; do
	base=$((20000 + ($$ * 7 + try * 1009) % 20000))
	labrouter fleet --count 4 --listen "127.0.0.1:$base" --config-dir factory --user lab --state routers >ready 2>fleet.log &
	fleet=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		if grep -q '^ready 4$' ready || ! kill -0 "$fleet" 2>/dev/null; then break; fi
		sleep 0.2
	done
	if grep -q '^ready 4$' ready; then break; fi
	kill "$fleet" 2>/dev/null || true
	wait "$fleet" 2>/dev/null || true
	fleet=
done
if [ -z "$fleet" ]; then
	cat fleet.log >&2
	exit 1
fi
show labrouter fleet --count 4 --listen "127.0.0.1:$base" --config-dir factory --user lab --state routers
cat ready
port=$base
for file in factory/*.conf; do
	name=$(basename "$file" .conf)
	printf 'Host %s\n    HostName 127.0.0.1\n    Port %s\n    User lab\n    UserKnownHostsFile %s\n    StrictHostKeyChecking accept-new\n\n' \
		"$name" "$port" "$work/known_hosts" >>ssh_config
	port=$((port + 1))
done

step "What the inventory says, rendered and checked"
run rhapsode inventory show --list '*'
run rhapsode inventory where lvs.hold_time cr1.ams
run rhapsode generate '*'
run rhapsode check '*'
run rhapsode trace cr1.ams border-in4 'icmp echo-request from 198.51.100.7 to 203.0.113.1'
run rhapsode inventory where --config 'protocols bgp group PyBal hold-time' cr1.ams

step "The first deployment"
differs rhapsode diff '*' --omit-diff
run rhapsode commit '*' -m 'T100001 first deployment' --yes --omit-diff

step "A change: the directors get more time, and at ams the pings of the api are offloaded too"
edit network/common.yaml 's/hold_time: 30s/hold_time: 45s/'
edit network/sites/ams.yaml 's|dns/default]|dns/default, api/default]|'
differs rhapsode diff '*' -o change.plan
run rhapsode apply change.plan -m 'T100002 offload pings of the api' --yes --omit-diff --batch 1,50%

step "ping1 at ams goes down for maintenance: stop the redirect on both routers"
cp -R network colleague
run rhapsode ping-offload deactivate ams -m 'T100003 ping1.ams reboot' --yes
run rhapsode ping-offload status ams

step "A colleague commits from another checkout, and knows nothing of it: the offload stays off (held)"
edit colleague/common.yaml 's/hold_time: 45s/hold_time: 60s/'
XDG_STATE_HOME="$work/state-colleague" USER=bob run rhapsode --inventory colleague commit site:ams -m 'T100004 longer hold time' --yes
run rhapsode ping-offload status ams
cp colleague/common.yaml network/common.yaml

step "ping1 is back"
run rhapsode ping-offload activate ams -m 'T100003 ping1.ams is back' --yes
run rhapsode ping-offload status ams

step "Who did what: on the router, and here"
run rhapsode history cr1.ams
run rhapsode runs list

step "The longer hold time was a mistake: take that run back, and nothing else. The inventory still wants it: drift"
mistake=$(XDG_STATE_HOME="$work/state-colleague" rhapsode runs list --task T100004 --json | sed -n '1s/.*"run":"\([0-9A-Z]*\)".*/\1/p')
run rhapsode rollback site:ams --run "$mistake" -m 'T100005 sessions flap' --yes
differs rhapsode drift '*'

step "Done: the routers stop and $work is removed"
