# `make` prints what there is. Everything runs as an ordinary user but test-root; the network is used for modules alone.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

GO ?= go
# Every directory of cmd/ with a main.go is a program.
PROGRAMS := $(notdir $(patsubst %/main.go,%,$(wildcard cmd/*/main.go)))
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILD := -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
LINT := $(GO) tool -modfile=.ci/tools.mod golangci-lint
# How long each fuzz target runs in `make fuzz`.
FUZZTIME ?= 10s
# More words for `go test` in `make test`: -v, -race, -run NAME.
TESTFLAGS ?=
# A command that the tests run under: CI gives one that takes all capabilities away.
DROP ?=

.PHONY: help
help: ## print this
	@echo 'usage: make TARGET'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: bin/.gitignore ## build the programs into bin/, static, with the version from git
	CGO_ENABLED=0 $(GO) build $(BUILD) -o bin/ $(PROGRAMS:%=./cmd/%)

bin/.gitignore:
	@mkdir -p bin
	@echo '*' >$@

.PHONY: demo
demo: build ## the main job from end to end against four lab routers on loopback
	sh labs/demo.sh

.PHONY: lab-image
lab-image: build ## build the images of the lab topologies, for containerlab; needs docker
	@command -v docker >/dev/null || { echo 'lab-image: there is no docker; `rhapsode lab up` needs neither it nor an image' >&2; exit 1; }
	context=$$(mktemp -d); trap 'rm -rf "$$context"' EXIT; \
	cp bin/labrouter labs/image/labrouter-node "$$context"; \
	for target in host labrouter bird; do docker build -f labs/image/Dockerfile --target $$target -t rhapsode/$$target "$$context"; done

.PHONY: test
test: ## all tests that need neither root nor the network
	$(DROP) $(GO) test $(TESTFLAGS) ./...

.PHONY: test-root
test-root: ## the tests that need root (func TestRoot...); here a skip is a failure
	GO='$(GO)' sh .ci/test-root

.PHONY: check
check: lint generated test test-root bench-once ## what CI runs: lint, generate-and-diff, tests, root tests, each benchmark once

.PHONY: lint
lint: ## vet, static checks, import rules, formatting (.ci/golangci.yml)
	$(LINT) run --config .ci/golangci.yml ./...
	$(GO) mod verify
	$(GO) mod tidy -diff

.PHONY: fmt
fmt: ## format the Go code (gofumpt)
	$(LINT) fmt --config .ci/golangci.yml ./...

.PHONY: generated
generated: ## regenerate, and fail if that changes a file
	GO='$(GO)' sh .ci/generated

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	GO='$(GO)' FUZZTIME='$(FUZZTIME)' sh .ci/fuzz

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-once
bench-once:
	@packages=$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -r -n 1 dirname | sort -u); \
	if [ -z "$$packages" ]; then echo 'bench: there is no benchmark'; else set -x; $(GO) test -run '^$$' -bench . -benchtime 1x $$packages; fi

.PHONY: golden
golden: ## write the golden files anew from what the code gives; read the diff before committing it
	@packages=$$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -r -n 1 dirname | sort -u); \
	if [ -z "$$packages" ]; then echo 'golden: no test has an -update flag'; else set -x; $(GO) test -count=1 $$packages -update; fi

.PHONY: clean
clean: ## remove bin/
	rm -rf bin
