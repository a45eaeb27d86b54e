# Everything that is done to this repository. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export GOFLAGS := $(GOFLAGS) -trimpath
GO ?= go
N ?=
JOB ?= hello_world
TRANSPORT ?= postgres
APP ?=
SAMPLE ?=
MINUTES ?= 1
BIN := $(CURDIR)/bin
GOLANGCI := $(BIN)/golangci-lint
GOLANGCI_VERSION := v2.15.0
ACTIONLINT := $(BIN)/actionlint
ACTIONLINT_VERSION := v1.7.12
FUNCTIONS := $(notdir $(basename $(wildcard function.json/*.json)))

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run a job end to end on a Postgres and a host of its own: N=1000 JOB=name TRANSPORT=servicebus
	@$(GO) run ./cmd/corectl demo $(JOB) $(if $(N),-n $(N)) --transport $(TRANSPORT)

.PHONY: dev
dev: ## Bring everything up on http://localhost:7071 and stay: SAMPLE=1 for a blob container to try jobs on
	@$(GO) run ./cmd/corectl dev $(if $(SAMPLE),--storage)

# Suites that use all CPUs by themselves and measure times. Other packages run
# two at a time, so that one computes while the other waits.
ALONE := /internal/(coremachine|test/e2e|test/chaos)$$

.PHONY: test
# A race-built process waits this long before it ends; the default is a second,
# and the tests start and end hundreds of processes.
test: export GORACE ?= atexit_sleep_ms=100
# The linters vet the same files, so these runs do not.
test: ## Install what the tests need and run all of them with the race detector
	@.ci/setup
	@failed=; \
	$(GO) test -race -vet=off -p 2 -timeout 45m $$($(GO) list ./... | grep -Ev '$(ALONE)') || failed=1; \
	$(GO) test -race -vet=off -p 1 -timeout 45m $$($(GO) list ./... | grep -E '$(ALONE)') || failed=1; \
	CGO_ENABLED=0 $(GO) test -C bench ./... || failed=1; \
	CGO_ENABLED=0 $(GO) test -C examples/wordcount ./... || failed=1; \
	test -z "$$failed"

.PHONY: screenshots
screenshots: ## Take the pictures in docs/img again
	$(GO) test ./internal/test/browser -run TestDashboardWithoutKey/Pictures -count=1 -browser.pictures $(CURDIR)/docs/img

.PHONY: model
model: ## Drive random jobs through the engine and compare with a reference: SEQUENCES=10000 SEED=n
	@$(GO) test ./internal/test/model -v -run TestEngineMatchesReferenceModel -count=1 -parallel 6 -timeout 60m -model.sequences $(or $(SEQUENCES),1000) $(if $(SEED),-model.seed $(SEED))

.PHONY: mutants
mutants: ## Drop one protection of the engine at a time and see that a test notices: ONLY=name for some, CHECK=1 to apply and build only
	@$(GO) run ./internal/test/mutants $(if $(ONLY),-only $(ONLY)) $(if $(CHECK),-check)

.PHONY: lint
lint: $(GOLANGCI) $(ACTIONLINT) ## Run the linters and look for unformatted files
	CGO_ENABLED=0 $(GOLANGCI) run --allow-parallel-runners ./...
	$(ACTIONLINT)

.PHONY: fmt
fmt: $(GOLANGCI) ## Format all Go files
	$(GOLANGCI) fmt ./...

# Packages whose tests compare generated files: they know -update.
GENERATED := $(sort $(dir $(shell git grep -l 'flag.Bool."update"' -- '*_test.go')))

.PHONY: verify
verify: ## Write all generated files again, and fail if that changed one
	@before=$$(git diff | cksum) && \
	$(GO) test $(addprefix ./,$(GENERATED)) -skip '^Test(Demo|Dev|NewJobsBuild)' -update && \
	if [ "$$before" != "$$(git diff | cksum)" ]; then git diff --stat; echo "verify: generated files were out of date, and now are not"; exit 1; fi
	$(GO) vet ./...
	$(GO) mod verify

.PHONY: outdated
outdated: ## List the direct dependencies of each module that have a newer release
	@for module in $(dir $(shell git ls-files '*go.mod')); do \
		direct=$$($(GO) list -C $$module -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all) && \
		$(GO) list -C $$module -m -u -f '{{with .Update}}{{$$.Path}} {{$$.Version}} -> {{.Version}}{{end}}' $$direct || exit 1; \
	done

.PHONY: build
build: ## Build the Functions app here: handler and the function folders, so that func start works
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build -ldflags "-s -w" -o handler ./cmd/handler
	@for f in $(FUNCTIONS); do mkdir -p $$f && cp function.json/$$f.json $$f/function.json; done

.PHONY: package
package: ## Make app.zip, exactly what publishing would upload
	@$(GO) run ./cmd/corectl package --out app.zip

.PHONY: publish
publish: build ## Publish the app with the Core Tools: APP=name
	@test -n "$(APP)" || { echo "publish: say which app: make publish APP=name"; exit 2; }
	func azure functionapp publish $(APP) --no-build

.PHONY: bench
bench: ## Measure the engine in one process, in several, and under the host; see docs/performance.md
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench hello latency submit
	@$(BIN)/enginebench hello wide fanin --n 10000
	@$(BIN)/enginebench hello --n 10 --jobs 1,10,100
	@$(BIN)/enginebench hello --n 1000,10000 --mode worker --processes 1,2,4,8,16
	@$(BIN)/enginebench hello unbundled latency --n 1000,10000 --mode functions
	@$(BIN)/enginebench hello latency --mode worker --processes 2 --transport servicebus

.PHONY: bench-big
bench-big: ## Measure what takes minutes and gigabytes: two million tasks, ten million finished ones beforehand, retention, lists of a million tagged jobs
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench big million --mode worker --processes 2
	@$(BIN)/enginebench big aged
	@$(BIN)/enginebench big retention
	@$(BIN)/enginebench big tagged

.PHONY: bench-grow
bench-grow: ## Compare databases that contain much (finished tasks and jobs, a deep queue, schedules, generations) with empty ones: RUNS=5 ONLY="queue jobs"
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench grow $(ONLY) $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-cost
bench-cost: ## Measure CPU, log and disk per task, in one process and in 1 to 16 workers and Functions instances
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench cost
	@$(BIN)/enginebench cost bundled small --mode worker,functions --processes 1,2,4,8,16

.PHONY: bench-peers
bench-peers: ## Measure ours and the peers in turn on one Postgres: ROUNDS=5 SHAPES=n1000,jobs100,latency,n10000 ONLY=ours,river
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench exec -- $(GO) run -C bench . -ours $(BIN)/enginebench $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(SHAPES),-shapes $(SHAPES)) $(if $(ONLY),-only "$(ONLY)")

.PHONY: bench-plot
bench-plot: ## Measure tasks per second over tasks and over processes, ours and the peers, and draw docs/img/throughput-*.svg: MAX=1000000 PROCESSES=16 ROUNDS=1 ONLY=ours,river; DRAW=1 only draws
ifndef DRAW
	$(GO) build -C bench -o $(BIN)/enginebench ./enginebench
	@$(BIN)/enginebench exec -- $(GO) run -C bench . -ours $(BIN)/enginebench -curves $(CURDIR)/docs/img/throughput.csv -rounds $(or $(ROUNDS),1) $(if $(MAX),-max $(MAX)) $(if $(PROCESSES),-processes $(PROCESSES)) $(if $(ONLY),-only "$(ONLY)")
endif
	@$(GO) run -C bench ./plot -figures $(CURDIR)/docs/img/throughput.csv

.PHONY: bench-raster
bench-raster: ## Convert rasters with ours and with gdal_translate in turn: SIDE=10000 ROUNDS=3 ONLY=u16
	$(GO) build -C bench -o $(BIN)/rasterbench ./raster
	@$(BIN)/rasterbench $(if $(SIDE),-side $(SIDE)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(ONLY),-only "$(ONLY)")

.PHONY: bench-pooler
bench-pooler: ## Run the same jobs in turn over direct connections and through PgBouncer, and print the ratio: ROUNDS=9
	@$(GO) test ./internal/test/e2e -v -run TestSpeedThroughAPooler -count=1 -timeout 30m -pooler.rounds $(or $(ROUNDS),9)

.PHONY: chaos
chaos: ## Kill real processes in turn for MINUTES=1, over both transports, and count what was lost: SEED=n
	@$(GO) test ./internal/test/chaos -v -run TestChaos -count=1 -timeout $$(($(MINUTES) + 15))m -chaos.minutes $(MINUTES) $(if $(SEED),-chaos.seed $(SEED))

.PHONY: soak
soak: ## Run 1,000 tasks of three minutes in a process with default settings for MINUTES=1, over both transports
	@$(GO) test ./internal/test/e2e -v -run TestSoakUnderOverload -count=1 -timeout $$(($(MINUTES) + 10))m -soak $(MINUTES)m

.PHONY: schedules
schedules: ## Run a schedule of every second for MINUTES=1 while processes are killed, and count the jobs of each slot
	@$(GO) test ./internal/test/chaos -v -run TestEverySecond -count=1 -timeout $$(($(MINUTES) + 10))m -schedules.minutes $(MINUTES)

.PHONY: verbs
verbs: ## Call all verbs of the API at random from 16 clients on 20 jobs for MINUTES=1, and judge what is left: SEED=n
	@$(GO) test ./internal/test/verbs -v -count=1 -timeout $$(($(MINUTES) + 10))m -verbs.minutes $(MINUTES) $(if $(SEED),-verbs.seed $(SEED))

.PHONY: fuzz
fuzz: ## Run each fuzzer for MINUTES=1: ONLY=raster for those below a folder
	@for file in $$(git grep -l '^func Fuzz' -- '*_test.go' | grep -F '$(ONLY)'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "$$target in $$file"; \
			$(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(MINUTES)m -fuzzminimizetime 20x \
				-timeout $$(($(MINUTES) + 10))m || exit 1; \
		done; \
	done

.PHONY: cross
cross: ## Build the commands of a release for Linux, macOS and Windows
	@$(GO) test ./internal/test/release -count=1 -timeout 30m -release.build

.PHONY: tools
tools: $(GOLANGCI) $(ACTIONLINT) ## Install the linters to ./bin

$(GOLANGCI):
	CGO_ENABLED=0 GOFLAGS= GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(ACTIONLINT):
	CGO_ENABLED=0 GOFLAGS= GOBIN=$(BIN) $(GO) install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

.PHONY: clean
clean: ## Remove what was built; the local database stays in .local
	rm -rf handler $(FUNCTIONS) bin
