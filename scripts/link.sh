#!/usr/bin/env bash
# The exchange of gradients between two processes over a link of limited rate, beside MPI_Allreduce on the same block: two network namespaces of
# this machine, shaped by tc's tbf. Needs root, iproute2 and Open MPI 4.
#
#     scripts/link.sh [RATE] [NUMBERS]     RATE of each direction: 1gbit; NUMBERS of float32 in the block: 8388608
set -euo pipefail
cd "$(dirname "$0")/.."
rate=${1:-1gbit} numbers=${2:-8388608}
for need in ip tc mpirun; do command -v $need >/dev/null || { echo "link.sh: $need is not there: apt-get install iproute2 openmpi-bin" >&2; exit 1; }; done
. scripts/env.sh
go build -o build/exchange ./collective/testdata/exchange

first=scalenet-a second=scalenet-b work=$(mktemp -d)
trap 'ip netns del $first 2>/dev/null; ip netns del $second 2>/dev/null; rm -r "$work"' EXIT
ip netns add $first
ip netns add $second
ip link add link-a netns $first type veth peer name link-b netns $second
ip -n $first addr add 10.77.0.1/24 dev link-a
ip -n $second addr add 10.77.0.2/24 dev link-b
for end in "$first link-a" "$second link-b"; do
	set -- $end
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
	ip netns exec "$1" tc qdisc add dev "$2" root tbf rate "$rate" burst 128kb latency 50ms
done

# mpirun starts the second process with this in place of ssh.
cat >"$work/enter" <<END
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
case \$1 in *.1) in=$first ;; *) in=$second ;; esac
shift
exec ip netns exec \$in sh -c "\$*"
END
chmod +x "$work/enter"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec $first mpirun --bind-to none --oversubscribe --mca plm_rsh_agent "$work/enter" --mca plm_rsh_no_tree_spawn 1 \
	--host 10.77.0.1:1,10.77.0.2:1 --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
	--mca oob_tcp_if_include 10.77.0.0/24 --mca mpi_yield_when_idle 1 -np 2 build/exchange -numbers "$numbers" -rounds 5
