# Pawl's front door: plain `make` prints what it can do. CMakePresets.json and tools/ do the work.
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.DEFAULT_GOAL := list
.PHONY: list setup setup-build build demo test check sim sim-mutants asan tsan debug tidy \
        format bench bench-short torture fuzz examples dataset coverage install hooks clean

configure = cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
compile = mkdir -p build && { $(call configure,$(1)); } && ninja -C build/$(1) -j$(JOBS) $(2)

list:  ## print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what building and checking need (Debian 12)
	@tools/setup

setup-build:
	@tools/setup --build

build: setup-build  ## build/release/pawl
	@$(call compile,release,pawl)

demo: build  ## see it work, in a minute
	@tools/demo

test: setup  ## build and run every test (release)
	@tools/check --only test --jobs $(JOBS)

check: setup  ## all that CI runs
	@tools/check --jobs $(JOBS)

sim: setup-build  ## simulate SEEDS (1000) seeds with faults, or repeat one: SEED=x
	@$(call compile,release,pawl_sim)
	@build/release/pawl_sim $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --jobs $(JOBS))

debug: setup  ## build/debug/pawl and the tests, for a debugger
	@$(call compile,debug,all)

asan: setup  ## build with clang, run the tests under address and undefined-behaviour sanitizers
	@tools/check --only asan --jobs $(JOBS)

tsan: setup  ## run engine, worker and server tests under the thread sanitizer
	@tools/check --only tsan --jobs $(JOBS)

tidy: setup  ## house rules, format, headers alone, clang-tidy
	@tools/check --only format,tidy,python,headers,clang-tidy --jobs $(JOBS)

format: setup  ## rewrite sources with clang-format
	@find src include bench tests apps \( -name '*.cc' -o -name '*.h' \) 2>/dev/null \
	  | xargs -r clang-format-14 -i

bench: setup-build  ## measure: build/bench/engine.json, library.json, server.json
	@$(call compile,release,pawl_bench)
	@mkdir -p build/bench && build/release/pawl_bench --json build/bench/engine.json
	@build/release/pawl_bench --only library --json build/bench/library.json
	@build/release/pawl_bench --only network --only stream --json build/bench/server.json

bench-short: setup-build  ## the same in seconds, to see that it runs
	@$(call compile,release,pawl_bench)
	@mkdir -p build/bench && build/release/pawl_bench --short --json build/bench/engine.json
	@build/release/pawl_bench --short --only library --json build/bench/library.json
	@build/release/pawl_bench --short --only network --only stream --json build/bench/server.json

torture: setup-build  ## kill, cut, damage and fill for hours; see docs/reliability.md
	@$(call compile,release,pawl pawl_torture)
	@build/release/pawl_torture --long --seed $(or $(SEED),1)

sim-mutants: setup  ## planted bugs, until the simulation's checkers catch each (SEEDS=10000)
	@$(call compile,mutants,pawl_sim_mutants)
	@tools/sim_mutants --seeds $(or $(SEEDS),10000)

fuzz: setup  ## each fuzzer for FUZZ_SECONDS (30)
	@$(call compile,asan,fuzzers)
	@tools/fuzz $(or $(FUZZ_SECONDS),30)

examples: setup-build  ## run every example and compare what it prints
	@$(call compile,release,pawl dataset_programs manufacturing_programs)
	@tools/check_examples

dataset: setup  ## build a dataset of IMAGES (10000), killed twice; compare with what is known
	@$(call compile,release,dataset_test)
	@PAWL_DATASET_IMAGES=$(or $(IMAGES),10000) build/release/dataset_test \
	  --gtest_filter=BuildTest.KilledTwiceItFindsWhatIsKnown

coverage: setup  ## lines and branches that tests reach
	@tools/check --only coverage --jobs $(JOBS)

install: setup-build  ## pawl to PREFIX/bin, the C++ library to PREFIX/include and lib (/usr/local)
	@$(call compile,release,pawl pawl_shared pawl_static)
	@cmake --install build/release --prefix $(PREFIX)

hooks:  ## check format and messages at every commit of this clone
	@git config core.hooksPath .githooks && echo "hooks: .githooks is on"

clean:  ## remove build/
	@rm -rf build
