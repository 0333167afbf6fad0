# Podgate. `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CONTROLLER_GEN := go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
STATICCHECK    := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
IMAGE          ?= ghcr.io/podgate/podgate:dev
VERSION        ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The Go modules that are our own code; those below test/cluster only pin programs.
MODULES        := . test config/image

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Tell the story on a real cluster in a box (KEEP=1 leaves it running)
	cd test && go run ./demo $(if $(KEEP),-keep)

.PHONY: test
test: lint verify test-unit test-e2e image ## Everything

.PHONY: test-unit
test-unit: ## The fast part: unit, CRD and property tests
	go test ./...
	cd test && go test -short ./...

.PHONY: test-e2e
test-e2e: ## End-to-end tests on a real cluster in a box
	cd test && go test -count=1 -timeout 45m -v ./cluster/ ./e2e/

.PHONY: build
build: ## Build the controller into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/podgate ./cmd/podgate

.PHONY: image
image: build ## Build a container image into dist/, without Docker (IMAGE=name:tag)
	mkdir -p dist
	cd config/image && go run . -binary ../../bin/podgate -image $(IMAGE) -out ../../dist/podgate-image.tar

.PHONY: generate
generate: ## Generate deepcopy, CRD and the reference
	$(CONTROLLER_GEN) object crd:maxDescLen=100000 paths=./api/... output:crd:dir=config/crd
	cd test && go run ./docgen ../config/crd/podgate.dev_trafficgates.yaml > ../docs/reference.md

.PHONY: verify
verify: ## Check that what is generated is up to date, and go.mod files tidy
	for m in $(MODULES); do (cd $$m && go mod tidy -diff) || { echo "$$m/go.mod is not tidy: run go mod tidy there"; exit 1; }; done
	@before=$$(git diff | sha256sum); $(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(git diff | sha256sum)" ]; then echo "generated files were out of date: commit what make generate changed"; git --no-pager diff --stat; exit 1; fi

.PHONY: lint
lint: ## gofmt, go vet and staticcheck on every module
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	for m in $(MODULES); do (cd $$m && go vet ./... && $(STATICCHECK) ./...); done

.PHONY: bench
bench: ## Cost of one step and one decision
	go test -run '^$$' -bench . -benchmem ./anomaly ./controller/decide

.PHONY: bench-detection
bench-detection: ## Detection beside its rivals, into docs/benchmarks (ten minutes)
	cd test && go run ./bench -out ../docs/benchmarks

.PHONY: clean
clean: ## Remove what was built here (the cache in ~/.cache/podgate stays)
	rm -rf bin dist
