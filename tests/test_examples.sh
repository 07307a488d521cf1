#!/bin/sh
# Tests the programs in examples that make test does not link into a test: test_examples.sh BUILD, from the project's root.
# What needs a library or a program that is missing is skipped, and said to be.
build=$1
suite=examples
. tests/script.sh
run() { "$@" >"$dir/out" 2>"$dir/err"; }

# builds WHAT TARGETS...: 0 if built; where something is not installed, make says so in one line, and that is why WHAT is
# skipped.
builds() {
    what=$1
    shift
    for target in "$@"; do
        run make -s BUILD="$build" "$build/$target" && continue
        if [ "$(grep -c '' "$dir/out")" = 1 ] && grep -q ' is missing: install ' "$dir/out"; then
            skip "$what" "$(cat "$dir/out")"
        else
            check "$what: make $target" false
        fi
        return 1
    done
}

# same_picture NAME FILE: docs/NAME.png shows what FILE does
"${CC:-cc}" -std=c11 -O1 -I. tests/pixels.c -o "$dir/pixels"
same_picture() { "$dir/pixels" "docs/$1.png" "$2" || { echo "docs/$1.png is stale: make docs"; false; }; }

# ---- engine_loop: 40 digits, 10 in a row, each 28 * 3 pixels with a margin of 6 to every side
log_is_fixed() {
    run "$build/engine_loop" --frames 30 && mv "$dir/out" "$dir/first" && run "$build/engine_loop" --frames 30 &&
        cmp -s "$dir/first" "$dir/out" && [ "$(grep -c '^frame' "$dir/out")" = 30 ] && grep -q '^frame *11: *8 of 11 evaluated.*; digit 0 is done$' "$dir/out"
}
digits_do_not_depend_on_frames() {
    run "$build/engine_loop" --frames 1000 && grep -q '^40 digits' "$dir/out" && mv "$build/engine_loop.png" "$dir/first.png" &&
        run "$build/engine_loop" && grep -q '^40 digits' "$dir/out" && cmp -s "$build/engine_loop.png" "$dir/first.png" &&
        is_png "$dir/first.png" 0000038a0000016e # 906 x 366
}
bad_options() { run "$build/engine_loop" --frames x || [ $? -eq 2 ] && grep -q '^usage' "$dir/err"; }
if builds "engine_loop" engine_loop; then
    check "engine_loop's log is the same every time" log_is_fixed
    check "its digits do not depend on what fits into a frame" digits_do_not_depend_on_frames
    check "unknown options" bad_options
fi

# ---- engine_window: 6 x 4 cells of 30 pixels and a margin of 2, three times as large, and 180 pixels of labels
draws_digits() {
    run xvfb-run -a "$build/engine_window" --frames 26 "$dir/window.png" &&
        is_png "$dir/window.png" 000002d60000016e && # 726 x 366
        [ "$(wc -c <"$dir/window.png")" -gt 30000 ]  # something is in the cells
}
# A person's keys: the title says what they changed. Waits for a title, as long as a slow machine may need.
cat >"$dir/press.sh" <<'EOF'
"$1" & program=$!
title() {
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        xdotool search --name "^$1" >/dev/null 2>&1 && return
        sleep 0.5
    done
    echo "no title $1"
    exit 1
}
title "dpmpp_2m   guidance 1   class all"
xdotool key Right; title "euler   guidance 1   class all"
xdotool key Up; title "euler   guidance 1.5   class all"
xdotool key 3; title "euler   guidance 1.5   class 3"
xdotool key a; title "euler   guidance 1.5   class all"
xdotool key q
wait $program
EOF
obeys_keys() { run xvfb-run -a sh "$dir/press.sh" "$build/engine_window"; }
if builds "engine_window" engine_window; then
    if command -v xvfb-run >/dev/null; then
        check "engine_window draws digits" draws_digits
        check "docs has its picture" same_picture engine "$dir/window.png"
    else
        skip "engine_window draws digits" "no xvfb-run"
    fi
    if command -v xvfb-run >/dev/null && command -v xdotool >/dev/null; then
        check "engine_window obeys keys" obeys_keys
    else
        skip "engine_window obeys keys" "no xvfb-run or no xdotool"
    fi
fi

# ---- hosts: a row of digits, computed by other engines; each says how far it is from the C network
for python in "${PYTHON:-python3}" /usr/bin/python3; do
    "$python" -c 'import torch, numpy' 2>/dev/null && export PYTHON="$python" && break
done
same_digits() {
    run "$build/$1" "$build/$2" 10 && grep -q '^largest difference.* below 0.01%$' "$dir/out" && is_png "$build/$1.png" 0000038a00000060 # 906 x 96
}
if builds "host_opencv" host_opencv digits.onnx; then check "OpenCV's digits are the C network's" same_digits host_opencv digits.onnx; fi
if builds "host_onnxruntime" host_onnxruntime digits.onnx; then check "ONNX Runtime's digits are the C network's" same_digits host_onnxruntime digits.onnx; fi
if builds "host_libtorch" host_libtorch digits.pt; then check "libtorch's digits are the C network's" same_digits host_libtorch digits.pt; fi

# ---- shaders: what diffkit shader writes is what compilers of each language take; noise in C is the library's, to the bit
writes() { # LANGUAGE: kernels with noise, norms, clipping and history
    mkdir -p "$dir/$1/ratio" "$dir/$1/sde" "$dir/$1/norms" && run "$build/diffkit" shader --language "$1" --folder "$dir/$1/sde" --sampler dpmpp_2m_sde --steps 3 --set clip=1 &&
        run "$build/diffkit" shader --language "$1" --folder "$dir/$1/ratio" --schedule vp_linear --sampler predictor_corrector --steps 2 &&
        run "$build/diffkit" shader --language "$1" --folder "$dir/$1/norms" --steps 2 \
            --set "guidance.scale=3 guidance.projected=1 guidance.limit=5 guidance.rescale=0.5 guidance.quantile=0.9" &&
        [ "$(grep -c '"norm": .*"kind"' "$dir/$1/norms/dispatch.json")" = 8 ]
}
compiles() { # LANGUAGE COMMAND...: of every kernel, whose name comes last
    language=$1
    shift
    for kernel in "$dir/$language"/*/kernel*; do "$@" "$kernel" || return 1; done
}
takes() { # LANGUAGE TOOL COMMAND...
    language=$1 tool=$2
    shift 2
    if ! command -v "$tool" >/dev/null; then skip "kernels in $language compile" "no $tool"; else check "kernels in $language compile" compiles "$language" "$@"; fi
}
same_noise() {
    mkdir -p "$dir/noise" && run "$build/diffkit" shader --language c --folder "$dir/noise" --schedule flow --sampler euler &&
        "${CC:-cc}" -std=c11 -O1 -ffp-contract=off -I. -DKERNEL="\"$dir/noise/kernel0.c\"" tests/backend/noise.c -o "$dir/noise/run" -lm && "$dir/noise/run"
}
same_norm() { # KIND FOLDER: of the kernels in C there
    kernel=$(sed -n "/\"kind\": \"$1\"/{n;s/^ \"kernel\": \([0-9]*\).*/\1/p;q}" "$dir/c/$2/dispatch.json") && [ -n "$kernel" ] &&
        "${CC:-cc}" -std=c11 -O1 -DKERNEL="\"$dir/c/$2/kernel$kernel.c\"" -DKIND="\"$1\"" tests/backend/norm.c -o "$dir/norm" -lm && "$dir/norm"
}
if builds "shaders" diffkit; then
    for language in glsl hlsl wgsl opencl cuda c; do check "shaders are written in $language" writes $language; done
    check "noise of a kernel is the library's" same_noise
    check "a kernel's norm: ratio" same_norm ratio ratio
    for kind in deviation limit projection quantile; do check "a kernel's norm: $kind" same_norm $kind norms; done
    takes glsl glslangValidator glslangValidator -V --target-env vulkan1.0 -o "$dir/out.spv"
    takes hlsl glslangValidator glslangValidator -D -V -e main -S comp -o "$dir/out.spv"
    takes c cc cc -std=c11 -Wall -Wno-unused -Werror -fsyntax-only
    takes opencl clang clang -cl-std=CL1.2 -Xclang -finclude-default-header -Wall -Werror -fsyntax-only -x cl
    nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
    takes cuda "$nvcc" "$nvcc" -cubin -diag-suppress 177 -o "$dir/out.cubin"
    # WEBGPU: a folder where npm has installed the package of that name
    if node -e 'require.resolve(process.argv[1])' "${WEBGPU:-/nowhere}/node_modules/webgpu" 2>/dev/null; then
        check "kernels in wgsl compile" node tests/backend/wgsl.mjs "$WEBGPU/node_modules/webgpu" "$dir"/wgsl/*/kernel*
    else
        skip "kernels in wgsl compile" "WEBGPU names no folder with node_modules/webgpu"
    fi
fi

# ---- back ends: what any must do, then digits; where there is no driver, they say so
for api in opencl vulkan; do
    if ! builds "backend_$api" backend_$api device_$api; then continue; fi
    run "$build/device_$api"
    case $? in
    77) skip "backend_$api" "$(cat "$dir/out")" ;;
    0)
        check "backend_$api does what a back end must" true
        check "backend_$api draws this machine's digits" run "$build/backend_$api"
        ;;
    *) check "backend_$api does what a back end must" false ;;
    esac
done

# ---- edit: 10 rows of 10 digits, each 28 * 2 pixels with a margin of 4 to every side, and 10 letters 12 wide before them
edits() { run "$build/edit" "$dir/edit.png" && is_png "$dir/edit.png" 000002d80000025c && grep -q 'off by 0\.[0-9]*% of the pixel range' "$dir/out"; } # 728 x 604
if builds "edit" edit; then
    check "edit's digits come back from noise" edits
    check "docs has its picture" same_picture editing "$dir/edit.png"
fi

# ---- other pictures in docs
draws_guidance() { run "$build/guidance" "$dir/guidance.png" && same_picture guidance "$dir/guidance.png"; }
demonstrates() { run "$build/demo" && for name in digits families few; do same_picture $name "$build/$name.png" || return 1; done; }
draws_textures() { run "$build/textures" "$dir" && same_picture texture "$dir/texture.png" && same_picture terrain "$dir/terrain.png"; }
if builds "guidance" guidance; then check "docs has guidance's picture" draws_guidance; fi
if builds "demo" demo; then check "docs has the demo's pictures" demonstrates; fi
if builds "textures" textures; then check "docs has the textures" draws_textures; fi

# ---- invertible: the first and the sixth of ten rows are its own, whose largest error is in column 5
comes_back() { run "$build/invertible" && awk '/%/ { rows++; if (/leapfrog/ != ($8 + 0 < 0.1)) bad++ } END { exit !(rows == 10 && !bad) }' "$dir/out"; }
if builds "invertible" invertible; then check "invertible comes back to rounding, and others do not" comes_back; fi

# ---- samplers: ten lines of differences, all of them roundings
samplers_agree() {
    run "$build/samplers" && awk 'seen { lines++; for (i = 5; i <= 8; i++) if (!($i < 1e-12)) bad++ } /evaluations draws buffers/ { seen = 1 }
        END { exit !(lines == 10 && !bad) }' "$dir/out" && grep -q '^euler and ddim have the same plan' "$dir/out"
}
if builds "samplers" samplers; then check "samplers written by hand agree with the built-in ones" samplers_agree; fi

# ---- action_chunks: as smooth as its process where it is told the prefix, and less and less so without
joins() {
    run "$build/action_chunks" && awk '{ a[NR] = $(NF - 2) } END { exit !(NR == 6 && a[2] > a[3] && a[3] > a[4] && a[6] > 0.5 && a[6] < 1.1) }' "$dir/out"
}
if builds "action_chunks" action_chunks; then check "chunks of actions join" joins; fi

# ---- benchmarks
compile_all() {
    for program in bench/*.c bench/peers/*.c; do
        "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -fsyntax-only -I. "$program" || return 1
    done
}
check "benchmarks compile" compile_all
report
