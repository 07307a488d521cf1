# diffkit.h needs no build: copy the header. This builds its demo, tool, tests and benchmarks.
#
#   make hello     the smallest program: points from a mixture of two Gaussians
#   make particles docs/paths.svg, docs/particles.svg: how noise becomes data, by ODE and SDE, as VE, flow and VP
#   make texture   build/texture, a tool that makes a larger picture out of a small one, and docs/texture.png, docs/terrain.png
#   make demo      draw digits with the shipped network, through every family
#   make guidance  docs/guidance.png: what each form of guidance does to the same digits
#   make tool      build/diffkit: lists, levels, plans, differences, samples, inversion
#   make edit      docs/editing.png: digits completed, repainted, inverted and redrawn
#   make invertible  a sampler that runs backwards without error: digits to noise and back
#   make samplers  ten well-known samplers, each written as in its paper, with their plans
#   make tutorial  the C blocks of docs/tutorial.md, as one program
#   make action-chunks  a robot's chunks of actions, joined by frozen and soft prefixes
#   make policy    a robot's policy in three conventions: one plan, 10,000 runs
#   make test      build and run the tests, in one to two minutes (cmocka: as root it is installed, else tests/mini stands for it)
#   make frame-loop  a game that makes its world in some milliseconds of every frame: many runs, cancelled, saved and loaded
#   make late      many runs in flight, whose network answers late and in another order
#   make lockstep  several noise levels in one state: a film whose frames have levels of their own
#   make steer     particles that are steered towards a reward, by saves and loads, and within a batch
#   make engine    digits on the side of a frame loop, several at once; make engine-window: in a window (SDL2)
#   make backend-opencl  digits whose vectors stay on a device, by OpenCL; make backend-vulkan: by Vulkan
#   make host-opencv  the digits network run by OpenCV (PYTHON=... with PyTorch); make host-onnxruntime: by ONNX Runtime; make host-libtorch
#   make mpi-sample  build/mpi_sample: any number of samples over many machines, kills survived (MPI); make mpi is the same
#   make playground  docs/playground/wasm.js: diffkit.h for the page, compiled to WebAssembly (clang, lld); make test-web: the page in Chromium
#   make docs      write what docs has from programs: docs/samplers.md, figures, pictures, in some minutes; what is measured: make plots, make bench-quality
#   make choosing  how accurate samplers and grids are, on data whose network is a formula: the tables of docs/choosing.md
#   make bench     time steps against memcpy, noise against memset and PyTorch (PYTHON=...), flags against -O2, side by side
#   make size      what the library costs to build and link, with gcc and clang
#   make plots     docs/*.svg: time per step by size and by threads, set-up time by steps
#   make bench-quality  samplers and grids against the exact solution, by evaluations (QUALITY=--all: all there are)
#   make bench-estimates  what runs say about their own errors, against these errors
#   make bench-plans  the plans fitted to the digits, and what there is without fitting, on fresh noise
#   make bench-frechet  do digits of few evaluations vary as those of many?
#   make bench-ideas  ways to save evaluations that gain nothing, side by side
#   make bench-peers  the same samplers of k-diffusion and diffusers, where installed, and of stable-diffusion.cpp (SDCPP=its checkout), side by side
#   make fuzz SECONDS=60  every fuzz target for so long (clang's libFuzzer, and AFL++ where installed)
#   make golden    write tests/data/golden.txt anew: what every sampler, grid, schedule and source of noise gives, to the bit
#   make portability  the tests with other compilers, levels, languages, C libraries and processors, as many as are installed
#   make conformance  build/conformance, which replays reference runs of other implementations
#   make check     the tests under sanitizers, in double, as C++, with gcc and clang; other build systems, languages, examples
#   make analyse   clang-tidy, cppcheck and gcc's analyser over the header
#   make coverage  lines and branches of the header that the tests run, and those that they do not
#   make install   the header, fitter, tables, guiders and infotext (as diffkit_fit.h, diffkit_table.h ...), for pkg-config and CMake to find: PREFIX=/usr/local DESTDIR= (make uninstall)
#   make format    clang-format on everything

CC ?= cc
CXX ?= c++
CFLAGS ?= -O2 -g
EXAMPLE_CFLAGS ?= -O3 $(NATIVE)
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Werror
REAL ?= float
BUILD ?= build
LIBS = -lm
, := ,
MAKEFLAGS += -j2

# language: c or c++ (make test LANG_STD=c++11 compiles the same files as C++)
STD ?= c11
COMPILE = $(CC) $(if $(findstring ++,$(STD)),-x c++) -std=$(STD) $(WARN) -I. -DDK_REAL=$(REAL)

# Flags that a program can be built with. The probe is no /dev/null, which tcc as root would replace by a file.
probe = $(shell file=$$(mktemp) && echo 'int main(void){return 0;}' | $(CC) $(1) -x c - -o "$$file" 2>/dev/null && echo $(1); rm -f "$$file")

# OpenMP runs the demo network's images in parallel; everything works without it.
OPENMP := $(call probe,-fopenmp)

# The widest vectors of this machine, for the demo network: twice as fast or more. What is built here then runs here only.
NATIVE := $(call probe,-march=native -mprefer-vector-width=512)

TESTS = $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
DIGITS = examples/letters.h examples/digits/unet.h examples/digits/weights.bin

.PHONY: help hello particles texture demo tool edit samplers action-chunks guidance engine engine-window host-opencv host-onnxruntime host-libtorch docs playground test test-web fuzz conformance golden portability bench plots bench-quality bench-estimates bench-ideas bench-plans bench-frechet bench-peers size check format clean FORCE install uninstall analyse coverage
help:
	@sed -n 's/^# \{0,1\}//;2,/^$$/p' Makefile | sed -n '/make /p'

$(BUILD):
	@mkdir -p $@

# ------------------------------------------------------------------ demo and tool
$(BUILD)/demo $(BUILD)/diffkit $(BUILD)/edit $(BUILD)/guidance $(BUILD)/invertible: $(BUILD)/%: examples/%.c examples/digits.h examples/png.h diffkit.h $(DIGITS) | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

$(BUILD)/demo: examples/digits/plans.h
$(BUILD)/diffkit: examples/fit.h examples/estimate.h examples/table.h examples/tune.h examples/explain.h examples/shader.h

demo: $(BUILD)/demo
	$(BUILD)/demo

$(BUILD)/diffkit: examples/explain.h

tool: $(BUILD)/diffkit

edit: $(BUILD)/edit
	$< docs/editing.png

.PHONY: invertible
invertible: $(BUILD)/invertible
	$<

$(BUILD)/hello $(BUILD)/particles $(BUILD)/samplers $(BUILD)/action_chunks $(BUILD)/policy: $(BUILD)/%: examples/%.c examples/svg.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

hello: $(BUILD)/hello
	$<

particles: $(BUILD)/particles
	$< docs

$(BUILD)/texture $(BUILD)/textures: examples/texture.h examples/letters.h examples/png.h examples/png_read.h diffkit.h | $(BUILD)
$(BUILD)/texture: examples/texture.c
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)
$(BUILD)/textures: examples/plots/textures.c
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

texture: $(BUILD)/texture $(BUILD)/textures
	$(BUILD)/textures docs $(BUILD)
	@echo "now try: $(BUILD)/texture $(BUILD)/stone.ppm stone.png --seed 2"

samplers: $(BUILD)/samplers
	$<

action-chunks: $(BUILD)/action_chunks
	$<

.PHONY: policy
policy: $(BUILD)/policy
	$<

$(BUILD)/frame_loop $(BUILD)/late $(BUILD)/lockstep $(BUILD)/steer: $(BUILD)/%: examples/%.c diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ -pthread $(LIBS)

.PHONY: frame-loop late lockstep steer
frame-loop: $(BUILD)/frame_loop
	$<

late lockstep steer: %: $(BUILD)/%
	$<

$(BUILD)/tutorial: docs/tutorial.md tests/snippets.sh diffkit.h | $(BUILD)
	sh tests/snippets.sh --program $< >$@.c
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $@.c -o $@ $(LIBS)

.PHONY: tutorial
tutorial: $(BUILD)/tutorial
	$<

guidance: $(BUILD)/guidance
	$< docs/guidance.png

$(BUILD)/figures: examples/plots/figures.c examples/svg.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

docs: $(BUILD)/diffkit $(BUILD)/figures particles demo guidance edit texture
	$(BUILD)/figures docs
	$(BUILD)/diffkit list --markdown >docs/samplers.md
	cp $(BUILD)/digits.png $(BUILD)/families.png $(BUILD)/few.png docs
	-$(MAKE) $(BUILD)/engine_window
	-SDL_VIDEODRIVER=dummy $(BUILD)/engine_window --frames 26 docs/engine.png
	-optipng -quiet -o4 docs/*.png

# ------------------------------------------------------------------ the page
# By clang alone: docs/playground/libc has what is needed of a C library. Bytes stand in scripts, so that the page works from a file.
WASM = clang --target=wasm32 -std=c11 -O2 -msimd128 -mbulk-memory -ffreestanding -nostdlib -I. -Idocs/playground/libc \
    -Wl,--no-entry,--strip-all,-z,stack-size=131072
PAGE = docs/playground/playground.c docs/playground/weights.h examples/digits/unet.h examples/explain.h diffkit.h
$(BUILD)/playground.wasm: $(PAGE) $(wildcard docs/playground/libc/*.h) | $(BUILD)
	$(call need,{ clang --version && command -v wasm-ld; },clang with wasm-ld,clang and lld (Debian$(,) Ubuntu$(,) Fedora$(,) Arch))
	$(WASM) $(WARN) $< -o $@

$(BUILD)/pack: docs/playground/pack.c docs/playground/weights.h examples/digits/unet.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

# $(call script,NAME): what comes in, as a script that defines NAME
script = { printf 'const $(1) = "'; base64 | tr -d '\n'; printf '";\n'; }
playground: $(BUILD)/playground.wasm $(BUILD)/pack
	$(call script,PLAYGROUND_WASM) <$(BUILD)/playground.wasm >docs/playground/wasm.js
	$(BUILD)/pack examples/digits/weights.bin | $(call script,PLAYGROUND_WEIGHTS) >docs/playground/weights.js

# The page's numbers are compared with those of a native program, which has the same source.
$(BUILD)/web_native: tests/web/native.c $(PAGE) | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

test-web:
	@sh tests/test_web.sh $(BUILD)

# ------------------------------------------------------------------ engines and hosts
# $(call need,COMMAND,WHAT,PACKAGES): says in one line what to install where the command fails.
need = @$(1) >/dev/null 2>&1 || { echo "$(2) is missing: install $(3)"; exit 1; }
INCLUDES = printf '\#include <$(1)>\n' | $(CXX) -std=c++17 $(2) -x c++ -E -
ENGINE = examples/engine.h examples/digits.h examples/png.h diffkit.h $(DIGITS)
HOST = examples/hosts/host.h examples/digits.h examples/png.h diffkit.h $(DIGITS)
PYTHON ?= python3
MPICC ?= mpicc
OPENCV ?= -isystem /usr/include/opencv4
ONNXRUNTIME ?= -isystem /usr/include/onnxruntime
HOST_COMPILE = $(CXX) -std=c++17 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP)

$(BUILD)/engine_loop: examples/engine_loop.c $(ENGINE) | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

$(BUILD)/engine_window: examples/engine_window.c $(ENGINE) | $(BUILD)
	$(call need,sdl2-config --version,SDL2,libsdl2-dev (Debian$(,) Ubuntu)$(,) sdl2 (Homebrew$(,) Arch) or SDL2-devel (Fedora))
	$(CC) -std=c11 $(WARN) -I. $(subst -I,-isystem ,$(shell sdl2-config --cflags 2>/dev/null)) $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(shell sdl2-config --libs 2>/dev/null) $(LIBS)

$(BUILD)/digits.onnx $(BUILD)/digits.pt: examples/hosts/export.py examples/digits/train.py $(DIGITS) | $(BUILD)
	$(call need,$(PYTHON) -c 'import torch$(,) numpy',PyTorch for $(PYTHON),python3-torch and python3-numpy (Debian$(,) Ubuntu)$(,) or name a Python that has it: PYTHON=...)
	$(PYTHON) $< examples/digits/weights.bin $@

$(BUILD)/host_opencv: examples/hosts/opencv.cpp $(HOST) | $(BUILD)
	$(call need,$(call INCLUDES,opencv2/dnn.hpp,$(OPENCV)),OpenCV's dnn module,libopencv-dnn-dev (Debian$(,) Ubuntu)$(,) or say where its headers are: OPENCV='-isystem ...')
	$(HOST_COMPILE) $(OPENCV) $< -o $@ -lopencv_dnn -lopencv_core $(LIBS)

$(BUILD)/host_onnxruntime: examples/hosts/onnxruntime.c $(HOST) | $(BUILD)
	$(call need,$(call INCLUDES,onnxruntime_c_api.h,$(ONNXRUNTIME)),ONNX Runtime,libonnxruntime-dev (Debian 13$(,) Ubuntu 25.04) or an archive of its releases: ONNXRUNTIME='-isystem DIR/include -L DIR/lib -Wl$(,)-rpath$(,)DIR/lib')
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(ONNXRUNTIME) -lonnxruntime $(LIBS)

$(BUILD)/host_libtorch: examples/hosts/libtorch.cpp $(HOST) | $(BUILD)
	$(call need,$(call INCLUDES,torch/script.h,),libtorch,libtorch-dev (Debian$(,) Ubuntu))
	$(HOST_COMPILE) $< -o $@ -ltorch -ltorch_cpu -lc10 $(LIBS)

$(BUILD)/mpi_sample: examples/mpi_sample.c examples/digits.h examples/png.h diffkit.h $(DIGITS) | $(BUILD)
	$(call need,command -v $(MPICC),MPI's compiler ($(MPICC)),libopenmpi-dev and openmpi-bin (Debian$(,) Ubuntu)$(,) or name another: MPICC=...)
	$(MPICC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

.PHONY: mpi mpi-sample
mpi mpi-sample: $(BUILD)/mpi_sample
	@echo "now try: mpirun -n 2 $< $(BUILD)/samples --samples 1000"

# Vectors on a device: the example, and tests/backend/backend.h against it.
BACKEND = examples/backends/program.h examples/shader.h $(ENGINE) tests/backend/device.c tests/backend/backend.h
BACKEND_COMPILE = $(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP)
NEED_opencl = $(call need,$(call INCLUDES,CL/cl.h,),OpenCL,opencl-headers and ocl-icd-opencl-dev (Debian$(,) Ubuntu)$(,) and a driver such as pocl-opencl-icd)
NEED_vulkan = $(call need,$(call INCLUDES,vulkan/vulkan.h,),Vulkan,libvulkan-dev and glslang-tools (Debian$(,) Ubuntu)$(,) and a driver such as mesa-vulkan-drivers)
LIBRARY_opencl = -lOpenCL
LIBRARY_vulkan = -lvulkan
$(BUILD)/backend_opencl $(BUILD)/backend_vulkan: $(BUILD)/backend_%: examples/backends/%.c $(BACKEND) | $(BUILD)
	$(NEED_$*)
	$(BACKEND_COMPILE) $< -o $@ $(LIBRARY_$*) $(LIBS)
$(BUILD)/device_opencl $(BUILD)/device_vulkan: $(BUILD)/device_%: examples/backends/%.c $(BACKEND) | $(BUILD)
	$(NEED_$*)
	$(BACKEND_COMPILE) -DBACKEND='"$<"' tests/backend/device.c -o $@ $(LIBRARY_$*) $(LIBS)

.PHONY: backend-opencl backend-vulkan
backend-opencl backend-vulkan: backend-%: $(BUILD)/backend_%
	$< examples/digits/weights.bin $(BUILD)/backend_$*.png

engine: $(BUILD)/engine_loop
	$<

engine-window: $(BUILD)/engine_window
	$<

host-opencv: $(BUILD)/host_opencv $(BUILD)/digits.onnx
	$^

host-onnxruntime: $(BUILD)/host_onnxruntime $(BUILD)/digits.onnx
	$^

host-libtorch: $(BUILD)/host_libtorch $(BUILD)/digits.pt
	$^

# ------------------------------------------------------------------ tests
# What the test programs need for cmocka, as flags in a file that changes when they do: -lcmocka, or tests/mini, which stands for
# it where it is missing and may not be installed. CMOCKA=mini: tests/mini in any case.
$(BUILD)/cmocka: FORCE | $(BUILD)
	@CC='$(CC)' CMOCKA='$(CMOCKA)' sh tests/cmocka.sh $@
FORCE:

# Test programs link one object of the implementation, but for those that reach private functions, which have a copy of their
# own, and all of them where every function is static. Test code is not what is tested: unless CFLAGS is said, it is
# compiled more quickly.
OWN = $(if $(findstring DK_STATIC,$(CFLAGS)),$(TESTS),$(patsubst tests/test_%.c,%,$(shell grep -l '^.define DIFFKIT_IMPLEMENTATION' tests/test_*.c 2>/dev/null)))
LIGHT = $(if $(filter file,$(origin CFLAGS)),-O1)
LINKED = $(filter-out $(OWN:%=$(BUILD)/test_%),$(TESTS:%=$(BUILD)/test_%))
$(BUILD)/diffkit.o: tests/diffkit.c diffkit.h | $(BUILD)
	$(COMPILE) $(CFLAGS) -c $< -o $@

$(LINKED): $(BUILD)/diffkit.o
$(LINKED): OBJECT = $(if $(findstring ++,$(STD)),-x none) $(BUILD)/diffkit.o
$(BUILD)/test_%: tests/test_%.c tests/check.h diffkit.h $(BUILD)/cmocka $(wildcard examples/*.h) $(DIGITS) | $(BUILD)
	$(COMPILE) -I$(BUILD) $(CFLAGS) $(LIGHT) $< -o $@ $(OBJECT) $$(cat $(BUILD)/cmocka) $(LIBS)

# The documents whose C blocks are compiled and run.
PAGES = README.md $(wildcard docs/tutorial.md docs/choosing.md docs/conventions.md docs/faq.md docs/guidance.md docs/noise.md docs/*.zh.md)
$(BUILD)/snippets.inc: tests/snippets.sh diffkit.h README.md $(wildcard docs/*.md) | $(BUILD)
	sh tests/snippets.sh $(PAGES) >$@
$(BUILD)/test_snippets: $(BUILD)/snippets.inc examples/guiders.h
$(BUILD)/test_bridge: examples/samplers.c
$(BUILD)/test_backend: $(wildcard tests/backend/*.h)

# Small programs in examples, tested by tests/test_programs.sh.
PROGRAMS = hello particles texture textures figures frame_loop policy late lockstep steer
# These, the tool and the conformance program are C alone; as C++ only the header's tests are built.
C_ONLY = $(if $(findstring ++,$(STD)),,diffkit conformance fuzz $(PROGRAMS))
# What needs other people's tools and libraries, and minutes: their build systems and languages (consumers), the programs in
# examples. make check runs both; make test CONSUMERS='consumers examples' does, too.
CONSUMERS =
test: $(TESTS:%=$(BUILD)/test_%) $(C_ONLY:%=$(BUILD)/%) | $(BUILD)
	@CC='$(CC)' CXX='$(CXX)' sh tests/run.sh $(BUILD) $(TESTS) $(if $(filter diffkit,$(C_ONLY)),tool) $(if $(filter hello,$(C_ONLY)),programs) $(filter conformance fuzz,$(C_ONLY)) $(CONSUMERS)

# Everything that must hold for all compilers and modes; fails on the first that does not.
check:
	sh tests/check.sh

analyse:
	sh tests/analyse.sh $(BUILD)

coverage:
	+sh tests/coverage.sh $(BUILD)/coverage

# Reference runs of other implementations, in double unless REAL is said: build/conformance FILE.jsonl ...
CONFORMANCE_REAL = $(if $(findstring command,$(origin REAL)),$(REAL),double)
$(BUILD)/conformance: tests/conformance.c $(wildcard tests/conformance_*.h) tests/json.h examples/gits.h examples/likelihood.h examples/numpy.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. -DDK_REAL=$(CONFORMANCE_REAL) $(CFLAGS) $(LIGHT) $< -o $@ $(LIBS)

conformance: $(BUILD)/conformance

SECONDS ?= 60
$(BUILD)/fuzz: tests/fuzz/fuzz.c $(wildcard tests/fuzz/*.h) examples/table.h examples/infotext.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. -DDK_REAL=$(REAL) $(CFLAGS) $(LIGHT) $< -o $@ $(LIBS)

fuzz: | $(BUILD)
	sh tests/fuzz/fuzz.sh $(BUILD) $(SECONDS)

golden:
	@for real in float double; do $(MAKE) -s $(BUILD)/golden-$$real/test_golden BUILD=$(BUILD)/golden-$$real REAL=$$real && \
	    $(BUILD)/golden-$$real/test_golden print >$(BUILD)/golden-$$real.txt || exit 1; done
	@paste -d ' ' $(BUILD)/golden-float.txt $(BUILD)/golden-double.txt | cut -d ' ' -f 1-3,6 >tests/data/golden.txt
	@sed -i "s/\(golden_hash.. = .\)[0-9a-f]*/\1$$($(BUILD)/golden-float/test_golden hash)/" tests/test_golden.c
	@git diff --stat tests/data/golden.txt tests/test_golden.c

portability:
	@sh tests/portability.sh $(BUILD)

# ------------------------------------------------------------------ benchmarks
$(BUILD)/bench_%: bench/%.c $(wildcard bench/*.h) examples/svg.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

plots: $(BUILD)/bench_plots
	$(BUILD)/bench_plots docs

.PHONY: choosing
$(BUILD)/bench_choosing: examples/digits.h examples/png.h $(DIGITS)
choosing: $(BUILD)/bench_choosing
	$<

bench: $(BUILD)/bench_steps $(BUILD)/bench_noise
	$(BUILD)/bench_steps
	$(BUILD)/bench_noise
	sh bench/flags.sh
	-$(PYTHON) bench/peers/randn.py

# They run the network, as the examples do. QUALITY: options for bench/quality.c; --all takes an hour, the default a minute
$(addprefix $(BUILD)/bench_,quality ideas plans frechet): $(BUILD)/bench_%: bench/%.c $(wildcard bench/*.h examples/*.h) examples/digits/plans.h diffkit.h $(DIGITS) | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

bench-quality: $(BUILD)/bench_quality
	$< $(QUALITY)

bench-estimates: $(BUILD)/bench_quality
	$< --estimates

bench-ideas bench-plans bench-frechet: bench-%: $(BUILD)/bench_%
	$<

# PEERS: options for bench/peers/steps.py. SDCPP: a checkout of stable-diffusion.cpp with its ggml, compiled where it is.
$(BUILD)/bench_peers: bench/peers/steps.c diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

$(BUILD)/bench_sdcpp: bench/peers/sdcpp.cpp bench/peers/without_ggml/core/ggml_extend.hpp | $(BUILD)
	$(CXX) -std=c++17 -O2 -Ibench/peers/without_ggml -I"$(SDCPP)/src" -I"$(SDCPP)/include" -I"$(SDCPP)/ggml/include" $< -o $@

bench-peers: $(BUILD)/bench_peers $(if $(SDCPP),$(BUILD)/bench_sdcpp)
	$(PYTHON) bench/peers/steps.py $(BUILD)/bench_peers $(if $(SDCPP),--sdcpp $(BUILD)/bench_sdcpp) $(PEERS)

# ------------------------------------------------------------------ install
# The header, and what pkg-config and CMake need to find it. Packagers stage it in DESTDIR.
PREFIX ?= /usr/local
ROOT = $(DESTDIR)$(PREFIX)
VERSION = $(shell sed -n 's/^.define DK_VERSION_M[AI][JN]OR //p' diffkit.h | paste -s -d . -)

install:
	install -d "$(ROOT)/include" "$(ROOT)/share/pkgconfig" "$(ROOT)/share/cmake/diffkit" "$(ROOT)/share/licenses/diffkit"
	install -m 644 diffkit.h "$(ROOT)/include"
	install -m 644 examples/fit.h "$(ROOT)/include/diffkit_fit.h"
	install -m 644 examples/table.h "$(ROOT)/include/diffkit_table.h"
	install -m 644 examples/guiders.h "$(ROOT)/include/diffkit_guiders.h"
	install -m 644 examples/infotext.h "$(ROOT)/include/diffkit_infotext.h"
	install -m 644 LICENSE "$(ROOT)/share/licenses/diffkit"
	install -m 644 examples/packaging/diffkitConfig*.cmake "$(ROOT)/share/cmake/diffkit"
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' examples/packaging/diffkit.pc.in >"$(ROOT)/share/pkgconfig/diffkit.pc"

uninstall:
	rm -f "$(ROOT)/include/diffkit.h" "$(ROOT)/include/diffkit_fit.h" "$(ROOT)/include/diffkit_table.h" "$(ROOT)/include/diffkit_guiders.h" "$(ROOT)/include/diffkit_infotext.h" "$(ROOT)/share/pkgconfig/diffkit.pc"
	rm -rf "$(ROOT)/share/cmake/diffkit" "$(ROOT)/share/licenses/diffkit"

size:
	@sh bench/size.sh

format:
	clang-format -i diffkit.h examples/*.[ch] examples/*/*.[ch] examples/*/*.cpp tests/*.[ch] tests/backend/*.[ch] tests/mini/*.h bench/*.c bench/peers/*.c docs/playground/*.c docs/playground/libc/*.h tests/web/*.c

clean:
	rm -rf $(BUILD)
