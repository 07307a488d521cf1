# diffkit.h needs no build: copy the header. This builds its demo, tool, tests and benchmarks.
#
#   make demo      draw digits with the shipped network, through every family
#   make tool      build/diffkit: lists, levels, plans, samples
#   make test      build and run the tests (installs cmocka where it may)
#   make docs      write docs/samplers.md from the tables in diffkit.h
#   make bench     time steps against memcpy, side by side
#   make size      what the library costs to build and link, with gcc and clang
#   make conformance  build/conformance, which replays reference runs of other implementations
#   make check     the tests under sanitizers, in double, as C++, with gcc and clang
#   make format    clang-format on everything

CC ?= cc
CXX ?= c++
CFLAGS ?= -O2 -g
EXAMPLE_CFLAGS ?= -O3
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Werror
REAL ?= float
BUILD ?= build
LIBS = -lm
MAKEFLAGS += -j2

# language: c or c++ (make test LANG_STD=c++11 compiles the same files as C++)
STD ?= c11
COMPILE = $(CC) $(if $(findstring ++,$(STD)),-x c++) -std=$(STD) $(WARN) -I. -DDK_REAL=$(REAL)

# OpenMP runs the demo network's images in parallel; everything works without it.
OPENMP := $(shell echo 'int main(void){return 0;}' | $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)

TESTS = $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
DIGITS = examples/digits/unet.h examples/digits/weights.bin

.PHONY: help demo tool docs test conformance bench size check format clean cmocka
help:
	@sed -n 's/^# \{0,1\}//;2,/^$$/p' Makefile | sed -n '/make /p'

$(BUILD):
	@mkdir -p $@

# ------------------------------------------------------------------ demo and tool
$(BUILD)/demo $(BUILD)/diffkit: $(BUILD)/%: examples/%.c examples/digits.h examples/png.h diffkit.h $(DIGITS) | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(EXAMPLE_CFLAGS) $(OPENMP) $< -o $@ $(LIBS)

demo: $(BUILD)/demo
	$(BUILD)/demo

tool: $(BUILD)/diffkit

docs: $(BUILD)/diffkit
	$(BUILD)/diffkit list --markdown >docs/samplers.md

# ------------------------------------------------------------------ tests
# Finds cmocka, or installs it with the system's package manager when it may, or says what is missing.
HAVE_CMOCKA = printf '\#include <stdarg.h>\n\#include <stddef.h>\n\#include <setjmp.h>\n\#include <stdint.h>\n\#include <cmocka.h>\nint main(void){return 0;}\n' | $(CC) -x c - -o /dev/null -lcmocka 2>/dev/null
cmocka:
	@$(HAVE_CMOCKA) || sh tests/install_cmocka.sh
	@$(HAVE_CMOCKA) || { echo "cmocka is missing: install libcmocka-dev (Debian, Ubuntu), cmocka (Homebrew, Arch) or libcmocka-devel (Fedora)"; exit 1; }

$(BUILD)/test_%: tests/test_%.c tests/check.h diffkit.h examples/digits.h examples/png.h $(DIGITS) | $(BUILD) cmocka
	$(COMPILE) -I$(BUILD) $(CFLAGS) $< -o $@ -lcmocka $(LIBS)

$(BUILD)/snippets.inc: tests/snippets.sh diffkit.h README.md | $(BUILD)
	sh tests/snippets.sh $(if $(findstring ++,$(STD)),C++,C) >$@
$(BUILD)/test_snippets: $(BUILD)/snippets.inc

# The tool and the conformance program are C alone; as C++ only the header's tests are built.
C_ONLY = $(if $(findstring ++,$(STD)),,diffkit conformance)
test: $(TESTS:%=$(BUILD)/test_%) $(C_ONLY:%=$(BUILD)/%)
	@sh tests/run.sh $(BUILD) $(TESTS) $(if $(C_ONLY),tool conformance)

# Everything that must hold for all compilers and modes; fails on the first that does not.
check:
	sh tests/check.sh

# Reference runs of other implementations, in double unless REAL is said: build/conformance FILE.jsonl ...
CONFORMANCE_REAL = $(if $(findstring command,$(origin REAL)),$(REAL),double)
$(BUILD)/conformance: tests/conformance.c $(wildcard tests/conformance_*.h) tests/json.h diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. -DDK_REAL=$(CONFORMANCE_REAL) $(CFLAGS) $< -o $@ $(LIBS)

conformance: $(BUILD)/conformance

# ------------------------------------------------------------------ benchmarks
$(BUILD)/bench_%: bench/%.c diffkit.h | $(BUILD)
	$(CC) -std=c11 $(WARN) -I. $(CFLAGS) $< -o $@ $(LIBS)

bench: $(BUILD)/bench_steps
	$(BUILD)/bench_steps

size:
	@sh bench/size.sh

format:
	clang-format -i diffkit.h examples/*.[ch] examples/digits/*.h tests/*.[ch] bench/*.c

clean:
	rm -rf $(BUILD)
