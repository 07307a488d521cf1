#!/bin/sh
# Tests examples/mpi_sample.c with 1, 2 and 4 ranks on this machine, which are killed once: test_mpi.sh BUILD, from the
# project's root. Without MPI this is skipped, and said to be.
build=$1
suite=mpi
. tests/script.sh
run() { "$@" >"$dir/out" 2>"$dir/err"; }
says() { grep -q "$1" "$dir/err"; }

missing_is_said() {
    ! run make -s BUILD="$dir/build" mpi-sample MPICC=no-such-mpicc && [ "$(grep -c '' "$dir/out")" = 1 ] &&
        grep -q '(no-such-mpicc) is missing: install ' "$dir/out"
}
check "without MPI make says in one line what is missing" missing_is_said
for program in mpicc mpirun; do
    command -v $program >/dev/null || { skip "mpi_sample" "no $program"; report; exit; }
done
check "make mpi-sample" make -s BUILD="$build" mpi-sample

# The ranks share the processors here. Open MPI refuses root, and more ranks than processors, unless told.
OMP_NUM_THREADS=1 options=
export OMP_NUM_THREADS
mpirun --version 2>&1 | grep -q 'Open MPI' && options="--allow-run-as-root --oversubscribe"
# ranks N FOLDER ARGUMENTS...: the job. A rank's process number goes to FOLDER.pid.RANK.
ranks() {
    n=$1 folder=$2
    shift 2
    timeout 600 mpirun $options -n "$n" sh -c 'f=$1; shift; echo $$ >"$f.pid.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"; exec "$@"' \
        - "$folder" "$build/mpi_sample" "$folder" "$@"
}
# all FOLDER: its samples in order, as index.txt says where they are
all() {
    while read -r first count shard at; do
        tail -c +$((at * 3136 + 1)) "$1/shard-$shard.f32" | head -c $((count * 3136))
    done <"$1/index.txt" >"$1.all"
}
lines() { cat "$1"/shard-*.index 2>/dev/null | grep -c ''; }
# until COMMAND...: waits for it, as long as a slow machine may need
until_() {
    tries=0
    while ! "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 15000 ] || return 1
        sleep 0.02
    done
}
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }

# ---- the same samples with 1, 2 and 4 ranks; the reference is one process, and one batch. Noise in the steps, a part of a run at the end.
few="--samples 72"
settings="steps=4 sampler=dpmpp_2m_sde seed=5"
run "$build/mpi_sample" "$dir/alone" $few --set "$settings batch=72" && all "$dir/alone"
same_samples() { # RANKS
    run ranks "$1" "$dir/few$1" $few --set "$settings" && all "$dir/few$1" && [ "$(wc -c <"$dir/few$1.all")" = $((72 * 3136)) ] &&
        cmp "$dir/few$1.all" "$dir/alone.all" && says "72 of 72 samples,"
}
check "1 rank draws what one process draws in one batch" same_samples 1
check "2 ranks do" same_samples 2
check "4 ranks do" same_samples 4
one_by_one() { run ranks 2 "$dir/ones" $few --set "$settings batch=7" && all "$dir/ones" && cmp "$dir/ones.all" "$dir/alone.all"; }
check "runs of another size do" one_by_one
rank0_answers() {
    run ranks 3 "$dir/answers" $few --set "$settings" --rank0 answers && all "$dir/answers" && cmp "$dir/answers.all" "$dir/alone.all" &&
        [ ! -s "$dir/answers/shard-0.f32" ]
}
check "rank 0 may leave the drawing to the others" rank0_answers
nothing_left() { run ranks 3 "$dir/few4" $few --set "$settings" && says '3 ranks, 0 of 72 samples to draw' && all "$dir/few4" && cmp "$dir/few4.all" "$dir/alone.all"; }
check "a job that is done has nothing left to do" nothing_left

# ---- a rank that stands still, then ranks that are killed: 15 runs
many="--samples 240 --checkpoint 0"
settings="steps=8 sampler=dpmpp_2m_sde seed=5"
run "$build/mpi_sample" "$dir/whole" --samples 240 --set "$settings batch=240" && all "$dir/whole"
others_go_on() {
    ranks 3 "$dir/slow" $many --set "$settings" >"$dir/out" 2>"$dir/slow.err" &
    job=$!
    until_ has_lines "$dir/slow" 1 || return 1
    pid=$(cat "$dir/slow.pid.1")
    kill -STOP "$pid"
    until_ has_lines "$dir/slow" 14
    reached=$?
    "$build/mpi_sample" "$dir/slow" $many --set "$settings" 2>"$dir/err"
    kill -CONT "$pid"
    wait $job && [ $reached -eq 0 ] && all "$dir/slow" && cmp "$dir/slow.all" "$dir/whole.all"
}
check "a rank that stands still holds its run and no other" others_go_on
check "a second job in the same folder is refused" says "another job is writing to"

# Besides, the kill is made to have hit in the middle of writing, and one checkpoint is spoilt.
# saves FOLDER: the checkpoints of runs without a line. A kill may hit after a line is written and before its checkpoint is removed.
saves() {
    for save in "$1"/run-*.save; do
        first=${save##*/run-}
        [ -f "$save" ] && ! grep -q "^${first%.save} " "$1"/shard-*.index && echo "$save"
    done
}
# Kills a job that has lines and saves. A kill that hits when there is no save is not counted: the job begins anew.
killed_midway() {
    rm -rf "$dir/killed"
    ranks 4 "$dir/killed" $many --set "$settings" >"$dir/out" 2>"$dir/err" &
    job=$!
    until_ has_lines "$dir/killed" 1 || return 1
    for rank in 2 0 1 3; do kill -KILL "$(cat "$dir/killed.pid.$rank")" 2>/dev/null; done
    ! wait $job && [ "$(saves "$dir/killed")" ]
}
loses_nothing() {
    for try in 1 2 3 4 5 6 7 8 9; do killed_midway && break; done
    set -- $(saves "$dir/killed") && [ $# -gt 0 ] && done=$(lines "$dir/killed") && [ "$done" -lt 15 ] || return 1
    cat "$dir/killed"/shard-*.index | sort -n >"$dir/before"
    echo spoilt >"$1"
    head -c 1000 Makefile >>"$dir/killed/shard-0.f32"
    printf '224 16 ' >>"$dir/killed/shard-0.index"
    run ranks 2 "$dir/killed" $many --set "$settings" && says "2 ranks, $((240 - 16 * done)) of 240 samples to draw, $# runs* to go on with" &&
        says 'run-[0-9]*.save is not used: ' || return 1
    all "$dir/killed" && cmp "$dir/killed.all" "$dir/whole.all"
}
draws_nothing_twice() { # what was there still stands where it was, and there is one line for each run
    cat "$dir/killed"/shard-*.index | sort -n | cmp - "$dir/killed/index.txt" &&
        [ "$(grep -cxFf "$dir/before" "$dir/killed/index.txt")" = "$(grep -c '' "$dir/before")" ] &&
        [ "$(cut -d ' ' -f 1 "$dir/killed/index.txt" | tr '\n' ' ')" = "$(seq -s ' ' 0 16 224) " ] && ! ls "$dir/killed" | grep save
}
check "ranks killed and the job started again: nothing is lost" loses_nothing
check "nothing is drawn twice" draws_nothing_twice

# ---- errors
refuses() { # PATTERN ARGUMENTS...
    pattern=$1
    shift
    ! run "$build/mpi_sample" "$@" && says "$pattern"
}
check "another job in the folder" refuses "alone holds another job: 'samples 72', not 'samples 73'" "$dir/alone" --samples 73 --set "steps=4"
check "a setting that is none" refuses 'no such field; nearest: batch' "$dir/none" --samples 4 --set bath=4
check "step-size control of a batch" refuses 'a sample depends on the others; batch=1' "$dir/none" --samples 40 --set sampler=dpm_adaptive
check "noise of one generator" refuses 'first_sample = 32: must be 0' "$dir/none" --samples 40 --set noise=torch_cpu
check "no number of samples" refuses '^mpi_sample: --samples 0: must be 1 .. ' "$dir/none"
head -c 3136 "$dir/few2/shard-1.f32" >"$dir/short" && mv "$dir/short" "$dir/few2/shard-1.f32"
check "a shard that is too short" refuses 'shard-1.f32 is missing or shorter than its index says' "$dir/few2" $few --set "steps=4 sampler=dpmpp_2m_sde seed=5"
report
