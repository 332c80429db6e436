# FunnelKVS: what can be done here. `make help` lists it.
#
# Every target works on a fresh clone: it installs from the lock file and compiles what is stale,
# and only that. A node in the foreground runs straight from the sources; whatever starts many
# processes runs compiled code.

NODE_ID ?= 1
NODES ?= 4
PORT ?= 8001
MODULE ?=
PHASE ?= 1
JEST_ARGS ?=
BENCH_ARGS ?=
CHAOS_ARGS ?=
SIMULATE_ARGS ?= --quick

BIN := node_modules/.bin
DEPS := node_modules/.package-lock.json
BUILT := dist/.built
SOURCES := $(shell find src actors supervisors demos bench chaos -name '*.ts')
PHASES := $(patsubst demos/phase%.ts,%,$(sort $(wildcard demos/phase*.ts)))
# Options of run-node that are passed on only when they are given.
NODE_FLAGS = $(if $(HOST),--host $(HOST)) $(if $(JOIN),--join $(JOIN)) $(if $(ADMIN_PORT),--admin-port $(ADMIN_PORT)) \
             $(if $(CONFIG),--config $(CONFIG)) $(if $(LOG_LEVEL),--log-level $(LOG_LEVEL)) \
             $(if $(ALLOW_CHAOS),--allow-chaos)
RING_FLAGS = $(if $(HOST),--host $(HOST)) $(if $(JOIN),--join $(JOIN)) $(if $(LOG_LEVEL),--log-level $(LOG_LEVEL)) \
             $(if $(LOG_DIR),--log-dir $(LOG_DIR)) $(if $(ALLOW_CHAOS),--allow-chaos)

.DEFAULT_GOAL := all
.PHONY: all deps build test test-module run-node run-ring client demo demos check static types lint format-check \
        dependencies unused format bench chaos simulate coverage watch shell clean help

## all: install dependencies from the lock file and compile
all: build

## deps: install dependencies, if package.json or the lock file has changed
deps: $(DEPS)

$(DEPS): package.json package-lock.json .npmrc
	npm ci --no-audit --no-fund --loglevel=error
	@touch $(DEPS)

## build: compile to dist/, if a source has changed
build: $(BUILT)

$(BUILT): $(DEPS) $(SOURCES) tsconfig.json tsconfig.build.json
	@rm -rf dist
	node node_modules/typescript-native/bin/tsc -p tsconfig.build.json
	@touch $(BUILT)

## test: run all tests
test: build
	node $(BIN)/jest $(JEST_ARGS)

## test-module MODULE=kv-store: run the tests whose path contains MODULE
test-module: build
	@test -n '$(MODULE)' || { echo 'Cannot choose tests: say which, as in make test-module MODULE=kv-store' >&2; exit 2; }
	node $(BIN)/jest --testPathPatterns '$(subst kvs-,kv-,$(MODULE))' $(JEST_ARGS)

## run-node NODE_ID=1 PORT=8001: a node in the foreground (HOST= JOIN=host:port ADMIN_PORT= CONFIG= LOG_LEVEL= ALLOW_CHAOS=1)
run-node: $(DEPS)
	@node -r ts-node/register src/cli/main.ts node --node-id $(NODE_ID) --port $(PORT) $(NODE_FLAGS)

## run-ring NODES=4 PORT=8001: a ring of nodes, a process each; Ctrl-C stops them all (HOST= JOIN= LOG_LEVEL= LOG_DIR= ALLOW_CHAOS=1)
run-ring: build
	@node bin/funnelkvs ring-up --nodes $(NODES) --port $(PORT) $(RING_FLAGS)

## client: the interactive client (HOST= PORT=8001)
client: build
	@node bin/funnelkvs client --host $(or $(HOST),127.0.0.1) --port $(PORT)

## demo PHASE=1: one phase's demo; it checks what it shows
demo: build
	$(if $(filter $(PHASE),$(PHASES)),,$(error There is no demo of phase "$(PHASE)"; there is one of: $(PHASES)))
	@node dist/demos/phase$(PHASE).js

## demos: all of them in turn
demos: build
	@set -e; for phase in $(PHASES); do node dist/demos/phase$$phase.js; done

## check: everything that CI runs: static checks, then tests
check: static test

## static: types, lint, format, dependency rules, unused code
static: types lint format-check dependencies unused

types: $(DEPS)
	node node_modules/typescript-native/bin/tsc --noEmit -p .
	node $(BIN)/tsc --noEmit -p .

lint: $(DEPS)
	node $(BIN)/oxlint --type-aware --deny-warnings

format-check: $(DEPS)
	node $(BIN)/biome format .

dependencies: $(DEPS)
	node $(BIN)/depcruise --config .dependency-cruiser.cjs src actors supervisors demos bench chaos test

unused: $(DEPS)
	node $(BIN)/knip

## format: put every file into the house format
format: $(DEPS)
	node $(BIN)/biome format --write .

## bench: benchmarks, every figure beside its yardstick (BENCH_ARGS=--quick)
bench: build
	@node dist/bench/main.js $(BENCH_ARGS)

## chaos: rings of processes under load while they are broken, and a verdict (CHAOS_ARGS="--kind kill --seed 1 --seconds 60")
chaos: build
	@node dist/chaos/main.js $(CHAOS_ARGS)

## simulate: the experiments of the Chord papers in virtual time (SIMULATE_ARGS=--quick)
simulate: build
	@node bin/funnelkvs simulate $(SIMULATE_ARGS)

## coverage: tests with a coverage report
coverage: build
	node $(BIN)/jest --coverage --coverageProvider=babel

## watch: test again on every change
watch: $(DEPS)
	node $(BIN)/jest --watchAll

## shell: a Node REPL with the library loaded as `funnelkvs`
shell: build
	@node -i -e "const funnelkvs = require('./dist/src/index.js')"

## clean: remove what was built
clean:
	rm -rf dist coverage

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk '{ at = index($$0, ": "); printf "  make %-34s %s\n", substr($$0, 1, at - 1), substr($$0, at + 2) }'
