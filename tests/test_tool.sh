#!/bin/sh
# Tests the command-line tool: test_tool.sh build/diffkit, from the project's root. Needs sh, sed, grep and od.
tool=$1
suite=tool
. tests/script.sh
run() { # ARGUMENTS...: leaves $status, $dir/out and $dir/err
    "$tool" "$@" >"$dir/out" 2>"$dir/err"
    status=$?
}
succeeds() { run "$@" && [ $status -eq 0 ] && [ ! -s "$dir/err" ]; }
count() { grep -c -- "$1" "$dir/out"; }

# refuses PATTERN ARGUMENTS...: status 2, nothing on stdout, one line on stderr that matches
refuses() {
    pattern=$1
    shift
    run "$@"
    [ $status -eq 2 ] && [ ! -s "$dir/out" ] && [ "$(grep -c '' "$dir/err")" = 1 ] && grep -q -- "$pattern" "$dir/err"
}

# ---- list: what the tables in diffkit.h have
has_all_samplers() {
    succeeds list samplers || return 1
    names=$(sed -n 's/^    DKP_\(ROW\|RK\|WARM\|PHI\)("\([a-z0-9_]*\)".*/\2/p' diffkit.h)
    [ -n "$names" ] || return 1
    for name in $names; do grep -q "^  $name " "$dir/out" || return 1; done
}
has_kinds() { succeeds list && [ "$(count '^schedules$')" = 1 ] && [ "$(count '^grids$')" = 1 ] && [ "$(count '^samplers')" = 1 ]; }
lists_json() { succeeds list grids --json && [ "$(count '"name": "karras"')" = 1 ] && [ "$(count '"samplers"')" = 0 ]; }
check "list names every sampler" has_all_samplers
check "list shows all three kinds" has_kinds
lists_names() { succeeds list names && grep -q '^  a1111 *DPM++ 2S a *dpmpp_2s_ancestral$' "$dir/out" && grep -q 'comfyui:deis *deis_t  deis_sum=1' "$dir/out"; }
docs_in_step() { succeeds list --markdown && cmp -s docs/samplers.md "$dir/out"; }
check "list names shows other programs' names" lists_names
check "docs/samplers.md is what make docs writes" docs_in_step
check "list --json shows the one that is asked for" lists_json

# ---- levels: flow matching in 4 steps, sigma = 1 - alpha = t
expected='step,t,alpha,sigma,noise_level,lambda,condition
0,1,0,1,inf,-inf,1
1,0.75,0.25,0.75,3,-1.098612288668
2,0.5,0.5,0.5,1,0,0.5
3,0.25,0.75,0.25,0.333333333333
4,0,1,0,0,inf,'
levels_csv() { succeeds levels --grid uniform --steps 4 --csv && [ "$(sed 's/\(1\.098612288668\).*/\1/;s/\(0\.333333333333\).*/\1/' "$dir/out")" = "$expected" ]; }
levels_json() {
    succeeds levels --steps 4 --json && [ "$(count '"step": ')" = 5 ] &&
        grep -q '^{"step": 0, "t": 1, "alpha": 0, "sigma": 1, "noise_level": null, "lambda": null, "condition": 1},$' "$dir/out" &&
        grep -q '^{"step": 4, "t": 0, "alpha": 1, "sigma": 0, "noise_level": 0, "lambda": null, "condition": null}$' "$dir/out"
}
levels_given() { succeeds levels --csv --unit sigma --levels 3,1,0 && grep -q '^0,0.75,0.25,0.75,3,-1.09861228866' "$dir/out"; }
levels_shift() { succeeds levels --csv --grid uniform --steps 2 --shift 3 && [ "$(sed -n 's/^1,//p' "$dir/out" | sed 's/,.*//')" = 0.5 ] && grep -q '^1,0.5,0.25,0.75,3,' "$dir/out"; }
order_free() {
    succeeds plan --eta 0.5 --sampler ddim --steps=3 && mv "$dir/out" "$dir/first" &&
        succeeds plan --sampler=ddim --steps 3 --eta 0.5 && [ "$(sed p "$dir/out")" = "$(sed p "$dir/first")" ]
}
check "levels --csv has the rows of flow matching" levels_csv
check "levels --json has the same, infinities as null" levels_json
check "levels takes given noise levels" levels_given
check "levels shifts flow schedules" levels_shift

# ---- a model's configuration
cat >"$dir/config.json" <<'END'
{"_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.18.1", "beta_start": 0.00085, "beta_end": 0.012,
 "beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1, "skip_prk_steps": true}
END
config_json() {
    succeeds levels --config "$dir/config.json" --steps 4 --json && grep -q '^{"class": "EulerDiscreteScheduler",$' "$dir/out" &&
        grep -q '^"timesteps": \[751, 501, 251, 1\],$' "$dir/out" && grep -q '^"sigmas": \[4.1166[0-9]*, 1.6236[0-9]*, 0.6983[0-9]*, 0.0413[0-9]*, 0\],$' "$dir/out" &&
        grep -q '^"ignored": \["skip_prk_steps"\],$' "$dir/out" && [ "$(count '^{"step": ')" = 5 ]
}
config_edited() { succeeds plan --steps 2 --sampler heun --config "$dir/config.json" && [ "$(count '= network(')" = 3 ]; }
config_broken() {
    printf '{"_class_name": "DDIMScheduler", "beta_start": "x"}' >"$dir/broken.json"
    refuses '"beta_start" = "x": must be a number' levels --config "$dir/broken.json"
}
config_missing() { run levels --config no/such/file && [ $status -eq 1 ] && grep -q 'no/such/file' "$dir/err"; }
model_turbo() { succeeds levels --model sdxl_turbo --csv && grep -q '^0,999,' "$dir/out" && [ "$(count '^[0-9]')" = 2 ]; }
model_tokens() {
    succeeds levels --model flux_dev --steps 4 --tokens 256 --csv && mv "$dir/out" "$dir/first" &&
        succeeds levels --model flux_dev --steps 4 --mu 0.5 --csv && cmp -s "$dir/out" "$dir/first"
}
check "levels --config --json has what the network is told, and the levels" config_json
check "options edit a configuration" config_edited
check "a wrong value in a configuration is named" config_broken
check "a configuration that cannot be read" config_missing
check "levels --model has the model's own steps" model_turbo
check "--tokens and --mu say the same" model_tokens
check "--tokens without a dynamic shift" refuses 'are for models whose shift is dynamic' levels --model sd3 --tokens 4096
check "--mu without a dynamic shift" refuses 'are for models whose shift is dynamic' levels --model flux_schnell --mu 1
check "--mu without a model" refuses 'need --model or --config' levels --mu 1
check "unknown model" refuses 'model "sdxll" is not known; nearest: sdxl' levels --model sdxll

# ---- plan
plan_words() { succeeds plan --steps 2 --sampler heun && [ "$(count '= network(')" = 4 ] && [ "$(count '^result: x$')" = 1 ]; }
plan_json() { succeeds plan --steps 2 --sampler heun --json && [ "$(count '"stage": ')" = 4 ] && [ "$(count '"boundary": "call"')" = 4 ]; }
check "plan shows Heun's three evaluations" plan_words
check "plan --json has them too" plan_json
check "options may come in any order, with = or a space" order_free

# ---- plan --explain: Euler's two steps of flow matching are x1 = (z0 + D0)/2 and D1
explains_rows() { # of any plan: its lines as they are, and as many sentences as there are rows, calls and norms
    succeeds plan "$@" && mv "$dir/out" "$dir/first" && succeeds plan --explain "$@" && grep -v '^        ' "$dir/out" | cmp -s - "$dir/first" &&
        [ "$(count '^        .*\.$')" = "$(grep -c '^    ' "$dir/first")" ]
}
explains() {
    explains_rows --steps 2 --sampler euler && [ "$(count '')" = 16 ] &&
        [ "$(sed -n 10p "$dir/out")" = '        The step ends, at noise level 1: the new state is 0.5 of the noise z0, plus 0.5 of this step'"'s estimate D0." ] &&
        [ "$(sed -n 13p "$dir/out")" = '        The network is asked about x1, whose noise level is 1. It is told 0.5.' ]
}
explains_all() {
    succeeds list samplers || return 1
    for name in $(sed -n 's/^  \([a-z0-9_]*\) .*/\1/p' "$dir/out"); do explains_rows --steps 4 --sampler "$name" || return 1; done
}
explains_parts() { explains_rows --steps 2 --sampler dpmpp_sde --schedule edm --churn 1 --set "guidance.scale=3 guidance.rescale=0.7 guidance.quantile=0.9"; }
check "plan --explain says what each of Euler's rows does" explains
check "it has a sentence for every row of every sampler" explains_all
check "and of guidance, churn and clipping" explains_parts
explains_phases() {
    explains_rows --steps 4 --sampler euler --phase "step=2 sampler=heun eta=0 guidance.scale=2" --phase "level=0.3 unit=flow" &&
        [ "$(count ' This is phase 1\.$')" = 4 ] && [ "$(count ' This is phase 2\.$')" = 4 ]
}
check "and of phases" explains_phases
ends_a_phase() { # one step of Heun asks twice
    succeeds plan --steps 4 --sampler euler --phase "step=1 sampler=heun" --phase "step=2 sampler=euler" && [ "$(count "^4 steps, 5 evaluations")" = 1 ]
}
check "a phase may take the first sampler again" ends_a_phase
check "a phase has a sampler and guidance" refuses '--phase step=2 steps=3: must be step or level' plan --phase "step=2 steps=3"
check "a phase's step is one of the grid" refuses 'phases\[0\], step = 10: must be 0 .. steps - 1' plan --phase "step=10"
check "--explain with --json" refuses '--explain and --json: must not both be given' plan --explain --json

# ---- shader: 20 steps of adams2 are 21 passes of six shapes, each of which is written once
writes_shaders() {
    mkdir -p "$dir/shader" && succeeds shader --steps 20 --folder "$dir/shader" && [ "$(cat "$dir/out")" = "6 kernels for 21 passes, 6 vectors" ] &&
        [ "$(ls "$dir/shader")" = "$(printf '%s\n' dispatch.json kernel0.comp kernel1.comp kernel2.comp kernel3.comp kernel4.comp kernel5.comp)" ] &&
        [ "$(grep -c '^{"kernel": ' "$dir/shader/dispatch.json")" = 21 ] && [ "$(grep -c '^{"network": ' "$dir/shader/dispatch.json")" = 20 ]
}
check "shader writes a kernel for each shape of a pass" writes_shaders
check "shader: a plan that is not known beforehand" refuses 'sampler.rtol: must be 0 for shaders' shader --sampler rk45 --folder "$dir"
check "shader: 16 bits" refuses 'number: must be real for shaders' shader --set number=fp16 --folder "$dir"

# ---- compare. Heun's first step ends where Euler's does, by a state in between.
compares() {
    succeeds compare euler heun --steps 5 && grep -q '^evaluations    5 and 10$' "$dir/out" && grep -q '^levels         6, the same$' "$dir/out" &&
        [ "$(tail -n 5 "$dir/out")" = "first row that differs, in step 0: noise level inf -> 4
  A: x1 = 0.8 z0 + 0.2 D0
        The step ends, at noise level 4: the new state is 0.8 of the noise z0, plus 0.2 of this step's estimate D0.
  B: y0 = 0.8 z0 + 0.2 D0
        A state within the step, at noise level 4, where the network is asked next: 0.8 of the noise z0, plus 0.2 of this step's estimate D0." ]
}
compares_alike() { succeeds compare "sampler=ddim eta=1" ddpm --schedule vp && grep -q '^rows           the same' "$dir/out"; }
compares_late() { succeeds compare dpmpp_2m unipc --steps 5 && grep -q '^first row that differs, in step 2: ' "$dir/out"; }
compares_levels() {
    succeeds compare "grid=uniform" "grid=uniform schedule.shift=3" --steps 2 && grep -q '; the first that differs is level 1, at noise level 1 and 3$' "$dir/out" &&
        [ "$(sed -n 's/^  A: //p' "$dir/out")" != "$(sed -n 's/^  B: //p' "$dir/out")" ] # what is shown differs
}
compares_draws() { succeeds compare ddim ddpm --steps 5 && grep -q '^draws          1 and 5, the same as far as both go$' "$dir/out"; }
compares_control() { succeeds compare "sampler=rk45 rtol=0.01" rk4 && grep -q 'the first step of A$' "$dir/out"; }
check "compare shows the first row that differs" compares
check "compare sees that DDIM with eta 1 is DDPM" compares_alike
check "compare passes over steps that are the same" compares_late
check "compare shows the first level that differs" compares_levels
check "compare counts draws" compares_draws
check "compare with step-size control" compares_control
check "compare needs two" refuses 'compare: needs two samplers' compare euler
check "compare takes no third" refuses '"c" is not expected here' compare euler heun c
check "compare with a name that is not known" refuses 'sampler "heunn" is not known; nearest: heun' compare euler heunn
check "compare with a setting that is not known" refuses 'no such field' compare euler "etta=1"
check "compare's samplers are A and B" refuses 'option "--sampler" is not for compare' compare euler heun --sampler heun

# ---- mistakes
check "unknown command" refuses '"levles" is not known; nearest: levels' levles
check "unknown option" refuses '"--stepz" is not known; nearest: --steps' levels --stepz 4
check "unknown sampler" refuses 'sampler "heunn" is not known; nearest: heun' plan --sampler heunn
check "unknown schedule" refuses 'schedule "flwo" is not known; nearest: flow' levels --schedule flwo
takes_names() { succeeds plan --steps 3 --sampler "DPM++ 2M" && mv "$dir/out" "$dir/first" && succeeds plan --steps 3 --sampler dpmpp_2m && cmp -s "$dir/out" "$dir/first"; }
check "sampler by another program's name" takes_names
check "unknown grid" refuses 'grid "karas" is not known; nearest: karras' levels --grid karas
check "unknown choice" refuses '--gauge vee: must be ve|flow' plan --gauge vee
check "number with a tail" refuses '--steps 5x' levels --steps 5x
check "NaN" refuses '--eta nan' plan --eta nan
check "hexadecimal" refuses '--rho 0x7' levels --rho 0x7
check "number too large" refuses '--eta 1e999' plan --eta 1e999
check "missing value" refuses '--steps needs a value' levels --steps
check "value for a flag" refuses '--rising yes' levels --rising=yes
check "option of another command" refuses 'not for levels, but for sample' levels --class 3
check "configuration that cannot work" refuses 'steps = 0: must be' plan --steps 0
check "steps and levels that disagree" refuses 'needs 5 levels' levels --steps 4 --levels 1,0

plan_guided() { succeeds plan --steps 2 --sampler euler --guidance 3 && [ "$(count '= network(')" = 4 ] && [ "$(count 'branch 1$')" = 2 ]; }
check "plan with guidance" plan_guided
plan_set() { succeeds plan --steps 2 --sampler euler --grid karras --set "grid.rho=5 guidance.scale=3" --set guidance.doubled=1 && [ "$(count '= network(u')" = 2 ]; }
check "any fields by their names" plan_set
check "unknown field" refuses 'setting "guidance.scal=3": no such field; nearest: guidance.scale' plan --set guidance.scal=3
levels_guided() { succeeds levels --steps 3 && mv "$dir/out" "$dir/first" && succeeds levels --steps 3 --set guidance.scale=3 && cmp -s "$dir/out" "$dir/first"; }
check "levels know nothing of guidance" levels_guided

# ---- sample: three digits in a row, each 28 * 3 pixels with a margin of 6 to every side
samples() {
    run sample --class 3,1 --count 3 --steps 2 --out "$dir/digits.png"
    [ $status -eq 0 ] && is_png "$dir/digits.png" 0000011400000060 # 276 x 96
}
draws_alike() { # the same digits with the same source, others with another
    for noise in philox torch_cpu numpy; do
        run sample --class 3 --steps 2 --noise $noise --step-noise brownian --sampler ddpm --out "$dir/$noise.png"
        [ $status -eq 0 ] || return 1
    done
    run sample --class 3 --steps 2 --noise=numpy --step-noise=brownian --sampler ddpm --out "$dir/again.png"
    cmp -s "$dir/numpy.png" "$dir/again.png" && ! cmp -s "$dir/numpy.png" "$dir/philox.png" &&
        ! cmp -s "$dir/numpy.png" "$dir/torch_cpu.png"
}
check "noise sources" draws_alike
check "unknown noise source" refuses 'must be philox|brownian|torch_cpu|' sample --noise torch
check "a seed that NumPy has not" refuses 'seed = 4294967296: must be below 2^32' sample --noise numpy --seed 4294967296
no_weights() { run sample --weights no/such/file --out "$dir/none.png" && [ $status -eq 1 ] && grep -q 'no/such/file' "$dir/err"; }
check "sample writes a PNG" samples
check "missing weights are named" no_weights


# ---- sample, stopped and gone on with. What the tool says to run is what is run.
export OMP_NUM_THREADS=1 # one digit at a time: threads would wait for each other
digits="sample --class 7 --count 1 --steps 200 --seed 5"
tells_how() { # COMMAND's message: the command that goes on
    grep -q '^diffkit: stopped after [0-9]* evaluations. To go on:$' "$dir/err" &&
        tail -n 1 "$dir/err" >"$dir/go_on" && grep -q -- '--resume' "$dir/go_on"
}
goes_on() { # FILE: to the same picture, bit for bit
    sh "$dir/go_on" >"$dir/out" 2>"$dir/err" && cmp "$dir/whole.png" "$1"
}
stops_after() {
    run $digits --out "$dir/it's a part.png" --stop-after 40 --preview "$dir/preview.png" --preview-every 20
    [ $status -eq 3 ] && [ ! -f "$dir/it's a part.png" ] && is_png "$dir/preview.png" 0000006000000060 &&
        tells_how && goes_on "$dir/it's a part.png"
}
stops_twice() {
    run $digits --out "$dir/twice.png" --stop-after 40 && [ $status -eq 3 ] || return 1
    run $digits --out "$dir/twice.png" --stop-after 90 --resume "$dir/twice.png.state"
    [ $status -eq 3 ] && tells_how && goes_on "$dir/twice.png"
}
# A signal as soon as a quarter is done.
stops_at() { # SIGNAL
    sh -c 'echo $$ >"$1" && shift && exec "$@"' - "$dir/pid" "$tool" $digits --out "$dir/$1.png" >"$dir/out" 2>"$dir/err" &
    while ! grep -q "evaluation 50 of" "$dir/err"; do kill -0 $! && sleep 0.01 || return 1; done
    kill -s "$1" "$(cat "$dir/pid")"
    wait $!
    [ $? -eq 3 ] && tells_how && goes_on "$dir/$1.png"
}
controlled() {
    run sample --class 7 --sampler rk45 --out "$dir/whole.png" && [ $status -eq 0 ] || return 1
    run sample --class 7 --sampler rk45 --out "$dir/rk45.png" --stop-after 33
    [ $status -eq 3 ] && tells_how && goes_on "$dir/rk45.png"
}
keeps_state() { # what cannot be written leaves the old state as it is
    cp "$dir/twice.png.state" "$dir/old" && run $digits --out "$dir/twice.png" --stop-after 1 --state "$dir/no/such/folder"
    [ $status -eq 1 ] && grep -q 'cannot write .*no/such/folder$' "$dir/err" && cmp "$dir/old" "$dir/twice.png.state"
}
cuts_state() {
    head -c 100 "$dir/twice.png.state" >"$dir/short" && refuses 'short: bytes = 92: must be at least' $digits --resume "$dir/short"
}
run $digits --out "$dir/whole.png"
check "a run that was stopped goes on to the same picture" stops_after
check "it may be stopped again" stops_twice
check "Ctrl-C" stops_at INT
check "SIGTERM" stops_at TERM
check "a state that cannot be written" keeps_state
check "a state of other steps" refuses 'state: saved config' sample --class 7 --count 1 --steps 199 --seed 5 --resume "$dir/twice.png.state"
check "a state of another seed" refuses 'is not of these digits' sample --class 7 --count 1 --steps 200 --seed 6 --resume "$dir/twice.png.state"
check "a state that was cut" cuts_state
check "a run with step-size control, too" controlled

# ---- invert
inverts() { succeeds invert --sampler rk45 --class 3 && grep -q '^rk45  *5 *0\.0[0-9]*% *[0-9.]*%$' "$dir/out" && [ "$(count '')" = 2 ]; }
check "invert tells a sampler's error" inverts
check "a sampler with noise has no inverse" refuses 'must be one without noise' invert --sampler ddpm

# ---- fit and tune, both as small as they can be
fits() {
    run fit --evaluations 4 --class 7 --budget 4000 && [ $status -eq 3 ] && [ "$(count '^static const dk_table fitted = {"fitted", 5, 1, 1, fitted_level, ')" = 1 ] &&
        grep -q 'This is the family.s' "$dir/out" && grep -q 'the budget is spent' "$dir/err"
}
tunes() {
    succeeds tune --count 2 --samplers euler,unipc:order=2,ddpm --grids karras,uniform && [ "$(count '')" = 5 ] &&
        sed -n 2p "$dir/out" | grep -q '^unipc:order=2  *karras  *0\.[0-9]*  *0\.[0-9]*$'
}
tables() {
    run table --schedule edm --sampler heun --steps 3 --json && [ $status -eq 0 ] && cp "$dir/out" "$dir/heun.json" && grep -q '"name": "heun"' "$dir/heun.json" &&
        run table --schedule edm --sampler heun --steps 3 --name mine && [ "$(count '^static const dk_table mine = {"heun", 5, 0, 0, mine_level, mine_a, mine_b, NULL, NULL};$')" = 1 ] &&
        run sample --class 7 --seed 5 --sampler heun --steps 3 --out "$dir/heun.png" && [ $status -eq 0 ] &&
        run sample --class 7 --seed 5 --table "$dir/heun.json" --out "$dir/table.png" && [ $status -eq 0 ] && cmp "$dir/heun.png" "$dir/table.png"
}
no_table() { printf '{"level": [2, 0], "a": [1], "b": [[1]]}' >"$dir/bad.json" && refuses 'bad.json: table.level\[0\] = 2: must be > 0 and <= 1' sample --table "$dir/bad.json"; }
tells_error() { # a hundredth of it with ten times the steps, by the method's order
    run sample --class 7 --seed 5 --sampler dpmpp_2m --steps 5 --out "$dir/few.png" && grep -q '^estimated error: RMS 0\.[0-9]*, of the worst digit 0\.' "$dir/out" &&
        run sample --class 7 --seed 5 --sampler dpmpp_2m --steps 50 --out "$dir/many.png" && grep -q '^estimated error: RMS 0\.00[0-9]*, of' "$dir/out" &&
        run sample --class 7 --seed 5 --sampler euler_ancestral --steps 5 --out "$dir/few.png" && [ $status -eq 0 ] && [ "$(count estimated)" = 0 ] &&
        run sample --class 7 --seed 5 --steps 1 --out "$dir/few.png" && [ $status -eq 0 ] && [ "$(count estimated)" = 0 ]
}
check "sample tells its error where it can" tells_error
check "a sampler's table draws what the sampler does" tables
check "a table that is none" no_table
check "a table and a sampler" refuses '--table: must not be given with --sampler' sample --table "$dir/heun.json" --sampler euler
check "a table and a sampler's field" refuses '--table: must not be given with --sampler' sample --table "$dir/heun.json" --eta 1
check "steps that are not the table's" refuses 'steps = 20: must be 0, or 5 as the table has' sample --table "$dir/heun.json" --steps 20
check "a table has no noise" refuses 'table of euler_ancestral: it must have no noise' table --sampler euler_ancestral
check "fit prints a table as C, and says when its budget is spent" fits
check "tune ranks what has no noise" tunes
check "a sampler for tune is not known" refuses 'sampler "eulr" is not known' tune --samplers eulr
check "more evaluations than can be fitted" refuses 'steps = 21: must be 1 .. 20' fit --evaluations 21
check "a budget below nothing" refuses '--budget -1: must be a whole number, 0 .. ' fit --budget -1
check "no evaluations" refuses '--evaluations 0: must be a whole number, 1 .. ' tune --evaluations 0
check "no row to be shown" refuses '--best 0: must be a whole number, 1 .. ' tune --best 0
check "no evaluations each way" refuses '--evals 0: must be a whole number, 1 .. ' invert --evals 0
check "a number that no int holds" refuses '--count 100000000000: must be a whole number, 0 .. 2147483647' sample --count 100000000000
check "evaluations that no sampler takes" refuses '--evaluations 3: no such sampler takes so many' tune --samplers rk45 --grids karras --evaluations 3
check "a table's name that C does not have" refuses '--name a b: must be a name in C' table --steps 2 --name "a b"

report
