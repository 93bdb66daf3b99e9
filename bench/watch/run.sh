#!/bin/sh
# run.sh BUILD: the tables of docs/watching.md. ALARM_SEED: another life (default 1).
set -eu
build=$1
seed=${ALARM_SEED:-1}
for kind in healthy rough; do
    for rate in 200 1000 20000; do "$build/bench_alarms" $kind 50 30 $rate "$seed"; done
done
for rate in 200 1000 20000; do "$build/bench_alarms" faults 50 21 $rate "$seed"; done
"$build/bench_alarms" healthy-each 50 30 1000 "$seed"
"$build/bench_alarms" faults-each 50 21 1000 "$seed"
for count in 58 580; do
    "$build/bench_nab" $count "$seed"
    "$build/bench_nab" $count "$seed" plain
done
