# Targets are what CI runs; see .ci/run. Tool versions are pinned here and nowhere else.
GO           ?= go
GOFUMPT_V     = v0.12.0
STATICCHECK_V = v0.8.2
GOLANGCI_V    = v2.15.0
NFPM_V        = v2.45.1
GOFUMPT       = mvdan.cc/gofumpt@$(GOFUMPT_V)
STATICCHECK   = honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_V)
GOLANGCI      = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_V)
NFPM          = github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_V)
TOOLS         = $(CURDIR)/.tools
CROSS         = freebsd openbsd netbsd darwin
FUZZTIME     ?= 30s
WORKLOAD     ?= all
VERSION       = $(shell sed -n 's/^const Version = "postloop-\(.*\)"/\1/p' master/master.go)

PROGRAMS = $(notdir $(wildcard cmd/master cmd/spawn cmd/proxymap cmd/postloop cmd/table-* cmd/vuser-*))

# qmail-lspawn has to begin under a limit that the Go runtime cannot begin under:
# see cmd/qmail-lspawn/limit_linux.go.
ENTRY = $(if $(filter linux/amd64 linux/arm64,$(shell $(GO) env GOOS GOARCH | paste -sd/)),-E lspawn_start)

.PHONY: bin/qmail-lspawn build run test race poll lint cross tools figures man interop packages packaging container fuzz bench bench-rivals check clean

build: bin/qmail-lspawn ## executables without cgo, in bin/; static, but for table-berkeley, table-lmdb and vuser-library
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/ $(addprefix ./cmd/,$(PROGRAMS))

bin/qmail-lspawn:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(ENTRY)' -o bin/ ./cmd/qmail-lspawn

run: build ## the appliance example in the foreground; Ctrl-C ends it
	@examples/appliance/run

test: ## everything that needs no root and no network
	$(GO) test ./...
	$(GO) test -tags looppoll ./loop/...

race: ## the same with the race detector and the ownership checks
	$(GO) test -race -tags loopdebug ./...

poll: ## the loop's contract on its second backend, and with the standard library's way to start a process
	$(GO) test -tags 'looppoll loopdebug' ./loop/...
	$(GO) test -tags 'loopforkexec loopdebug' ./loop/...

lint: tools
	@test -z "$$($(TOOLS)/gofumpt -l .)" || { $(TOOLS)/gofumpt -d .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags 'interop loopdebug' ./...
	GOARCH=arm64 $(GO) vet ./loop/...
	$(TOOLS)/staticcheck -tags interop ./...
	$(TOOLS)/golangci-lint run ./...

cross: tools ## vet and staticcheck for the systems this machine is not
	@for os in $(CROSS); do \
		echo "== $$os"; \
		GOOS=$$os CGO_ENABLED=0 $(GO) vet ./... || exit 1; \
		GOOS=$$os CGO_ENABLED=0 $(TOOLS)/staticcheck ./... || exit 1; \
	done

tools: $(TOOLS)/.made-$(GOFUMPT_V)-$(STATICCHECK_V)-$(GOLANGCI_V)

$(TOOLS)/.made-$(GOFUMPT_V)-$(STATICCHECK_V)-$(GOLANGCI_V):
	GOBIN=$(TOOLS) $(GO) install $(GOFUMPT)
	GOBIN=$(TOOLS) $(GO) install $(STATICCHECK)
	GOBIN=$(TOOLS) $(GO) install $(GOLANGCI)
	@touch $@

figures: ## README.md's table of figures, from bench/RESULTS.md
	$(GO) test ./docs -run TestFigures -update

man: ## the manual pages, from man/src, docs and the programs' help
	$(GO) test ./internal/manual ./cmd/postloop -run "TestPages|TestManual" -update

interop: build ## beside the real Postfix, as root; installs it when it is missing. Each package has the machine to itself
	.ci/need-postfix
	$(GO) test -p 1 -tags interop -count=1 -timeout 30m ./cfg/... ./cmd/... ./docs/... ./services/... ./master/maillog

container: build ## the image of examples/container, by buildah, podman or docker; ARCHIVE=file.tar writes it there as well
	packaging/container $(ARCHIVE)

packages: build $(TOOLS)/.made-nfpm-$(NFPM_V) ## Debian packages, in dist/
	NFPM=$(TOOLS)/nfpm packaging/build dist $(VERSION)

packaging: build $(TOOLS)/.made-nfpm-$(NFPM_V) ## runs the container, installs and removes the packages, as root; installs what that takes
	.ci/need-postfix
	.ci/need-packaging
	$(GO) test -tags interop -count=1 -timeout 10m ./packaging/

$(TOOLS)/.made-nfpm-$(NFPM_V):
	GOBIN=$(TOOLS) $(GO) install $(NFPM)
	@touch $@

fuzz: ## every parser, FUZZTIME each
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "== $$pkg $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

bench: build ## beside other servers; WORKLOAD=spawner, BENCHFLAGS='-rounds 9'; see bench/README.md
	$(GO) build -o bin/ ./bench
	bin/bench -workload $(WORKLOAD) $(BENCHFLAGS)

bench-rivals: ## fetches Debian's other servers into bench/.rivals, without installing them
	bench/get-rivals

check: test race poll lint cross

clean:
	rm -rf bin dist run .tools bench/.rivals
