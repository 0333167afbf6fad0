# Podgate. `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CONTROLLER_GEN := go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
STATICCHECK    := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
IMAGE          ?= ghcr.io/podgate/podgate:dev
PLUGIN_DIR     ?= $(or $(shell go env GOBIN),$(shell go env GOPATH)/bin)
VERSION        ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The Go modules that are our own code; those below test/cluster only pin programs.
MODULES        := . test config/image

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Tell the story on a real cluster in a box (KEEP=1 leaves it running)
	cd test && go run ./demo $(if $(KEEP),-keep)

.PHONY: pictures
pictures: ## Play the story, and draw the dashboards at each moment into docs/img (KEEP=dir, then FROM=dir to draw again)
	cd test && go run ./pictures $(if $(KEEP),-keep "$(abspath $(KEEP))") $(if $(FROM),-from "$(abspath $(FROM))")

.PHONY: test
test: lint verify test-unit test-simulate test-e2e image ## Everything

.PHONY: test-unit
test-unit: ## The fast part: unit, CRD and property tests
	go test ./...
	cd test && go test -short ./...

.PHONY: test-simulate
test-simulate: ## The controller in worlds made up at random, and without each of its rules (STEPS=, SEED=)
	cd test && go test -count=1 -timeout 6h -v ./simulate -simulate.steps $(or $(STEPS),100000) -simulate.seed $(or $(SEED),1) -simulate.table ../../docs/benchmarks/mutations.md

.PHONY: programs
programs: ## Build what the cluster in a box consists of, and install a browser: minutes, once
	cd test && go run ./programs

.PHONY: test-e2e
test-e2e: programs ## End-to-end tests on a real cluster in a box
	cd test && go test -count=1 -timeout 90m -v ./e2e/ ./faults/ ./cluster/ ./traces/ ./page/ ./render/ ./alerts/ ./schema/

.PHONY: build
build: ## Build the controller into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/podgate ./cmd/podgate

.PHONY: plugin
plugin: ## Build the kubectl plugin into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/kubectl-podgate ./cmd/kubectl-podgate

.PHONY: install-plugin
install-plugin: plugin ## Install the kubectl plugin with its completion (PLUGIN_DIR=folder)
	mkdir -p "$(PLUGIN_DIR)"
	install -m 0755 bin/kubectl-podgate "$(PLUGIN_DIR)/kubectl-podgate"
	ln -sf kubectl-podgate "$(PLUGIN_DIR)/kubectl_complete-podgate"
	@case ":$$PATH:" in *":$(PLUGIN_DIR):"*) ;; *) echo "add $(PLUGIN_DIR) to your PATH: kubectl finds plugins there";; esac

.PHONY: plugin-archives
plugin-archives: ## Build the plugin's archives and its manifest for krew into dist/ (VERSION=v0.1.0)
	go run ./config/krew -tag $(VERSION) -out dist

.PHONY: image
image: build ## Build a container image into dist/, without Docker (IMAGE=name:tag)
	mkdir -p dist
	cd config/image && go run . -binary ../../bin/podgate -image $(IMAGE) -out ../../dist/podgate-image.tar

.PHONY: generate
generate: ## Generate deepcopy, CRD and the reference pages
	$(CONTROLLER_GEN) object crd:maxDescLen=100000 paths=./api/... output:crd:dir=config/crd
	cd test && go run ./docgen ../config/crd/podgate.dev_trafficgates.yaml > ../docs/reference.md
	cd test && go run ./docgen metrics > ../docs/metrics.md
	go run ./config/grafana
	go run ./cmd/kubectl-podgate/internal/docgen docs/cli

.PHONY: verify
verify: ## Check that what is generated is up to date, and go.mod files tidy
	for m in $(MODULES); do (cd $$m && go mod tidy -diff) || { echo "$$m/go.mod is not tidy: run go mod tidy there"; exit 1; }; done
	@state() { { git status --porcelain; git diff; } | sha256sum; }; before=$$(state); $(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(state)" ]; then echo "generated files were out of date: commit what make generate changed"; git --no-pager diff --stat; exit 1; fi

.PHONY: lint
lint: ## gofmt, go vet and staticcheck on every module
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	for m in $(MODULES); do (cd $$m && go vet ./... && $(STATICCHECK) ./...); done

.PHONY: bench
bench: ## Cost of one step, one decision and a backtest of seven days
	go test -run '^$$' -bench . -benchmem ./anomaly ./controller/decide ./cmd/kubectl-podgate/internal/backtest

.PHONY: bench-detection
bench-detection: ## Detection beside its rivals, into docs/benchmarks (ten minutes)
	cd test && go run ./bench -out ../docs/benchmarks

.PHONY: bench-faults
bench-faults: ## Faults survived under load, into docs/benchmarks (an hour and a half)
	cd test && go run ./faults/cmd/faults -seed $(or $(SEED),1) -out ../docs/benchmarks/faults.md

.PHONY: clean
clean: ## Remove what was built here (the cache in ~/.cache/podgate stays)
	rm -rf bin dist
