# Weir: build, test, see it work. `make` alone explains the targets.

# Builds stay outside the clone, so that a fresh clone reuses what is compiled already.
CARGO_TARGET_DIR ?= $(HOME)/.cache/weir/target
export CARGO_TARGET_DIR

# Debian 12 packages: to build (eBPF, AF_XDP, prost), then to test (real servers, clients and network tools).
PACKAGES := clang llvm libelf-dev libpcap-dev zlib1g-dev pkg-config m4 gcc-multilib libhyperscan-dev protobuf-compiler \
	nginx-light wrk nghttp2-client nghttp2-server nghttp2-proxy curl ethtool iproute2 util-linux jq

# Where the corpora are, for `make bench-detection`.
SHARED ?= ../shared

.DEFAULT_GOAL := help
.PHONY: help deps build install demo demo-stop test test-long bench bench-detection bench-learning train-endpoints lint fmt fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that are missing (as root)
	@missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing; fi

# One profile and one set of features for all that tests and the demo run: nothing is compiled twice.
build: deps ## compile the programs and the tests
	cargo build --workspace --bins --tests

install: deps ## programs, settings and systemd units onto this machine (as root); settings that are there stay
	cargo build --release -p weir-dataplane -p weir-mgmt --bins
	install -Dt $(DESTDIR)/usr/local/bin $(addprefix $(CARGO_TARGET_DIR)/release/,weir-dataplane weir-mgmt weir)
	install -Dm644 -t $(DESTDIR)/etc/systemd/system configs/weir-dataplane.service configs/weir-mgmt.service
	install -Dm644 configs/weir.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/weir.conf
	install -Dm644 configs/weir.sysusers $(DESTDIR)/usr/lib/sysusers.d/weir.conf
	install -Dm644 -t $(DESTDIR)/usr/local/share/doc/weir README.md docs/policy.md docs/learning.md configs/policy*
	install -Dm644 -t $(DESTDIR)/usr/local/share/doc/weir/tenants configs/tenants/*
	@for f in dataplane-inline:dataplane mgmt:mgmt; do \
		to=$(DESTDIR)/etc/weir/$${f#*:}.yaml; \
		[ -e $$to ] || install -Dm644 configs/$${f%:*}.yaml $$to; done
	@echo "Next: name your ports in /etc/weir/dataplane.yaml, then"
	@echo "  systemd-sysusers; systemd-tmpfiles --create weir.conf; weir-dataplane preflight --config /etc/weir/dataplane.yaml"
	@echo "  systemctl enable --now weir-mgmt weir-dataplane; weir policy apply POLICY; weir status"

demo: build ## see Weir work between real programs (as root); KEEP=1 leaves it running
	@KEEP=$(KEEP) $(CARGO_TARGET_DIR)/debug/demo

demo-stop: ## end a demo that was left running
	@$(CARGO_TARGET_DIR)/debug/demo --stop

# The same cases of the property tests in each run: what a run finds must not depend on luck. `make test-long` draws
# new ones.
test: export PROPTEST_RNG_SEED ?= 20261122
test: build ## every test, also those on the wire (as root)
	cargo test --workspace
	cargo test --manifest-path fuzz/Cargo.toml

test-long: export WEIR_SIM_SEEDS = 10000
test-long: export WEIR_LOAD_SECONDS = 180
test-long: export WEIR_FUZZ_RUNS = 200000
test-long: build ## the same with 10,000 simulations, minutes of full load and long mutation runs
	cargo test --workspace
	cargo test --manifest-path fuzz/Cargo.toml

bench: PACKAGES += haproxy
bench: deps ## measure against a bridge, a bare forwarder and HAProxy, side by side (as root)
	cargo build --release --workspace --bins
	$(MAKE) -C perf/floor DIR=$(CARGO_TARGET_DIR)/release
	$(CARGO_TARGET_DIR)/release/bench

bench-detection: deps ## score detectors, cards, custom patterns and the attack model on the shared corpora, in one run
	cargo build --release -p weir-mgmt -p weir-perf --bin weir --bin bench-attacks --bin bench-cards --bin bench-custom
	perf/detection.sh $(CARGO_TARGET_DIR)/release $(SHARED)
	cargo bench -p weir-perf --bench decoders -- --warm-up-time 0.5 --measurement-time 2
	perf/decoders.sh $(CARGO_TARGET_DIR)

bench-learning: deps ## score what is learnt from recorded requests, on simulated traffic and on the shared corpora, where they are
	cargo build --release -p weir-mgmt -p weir-perf-learning -p weir-sim -p weir-perf --bins
	perf/learning.sh $(CARGO_TARGET_DIR)/release $(SHARED)
	$(CARGO_TARGET_DIR)/release/bench-behaviour

train-endpoints: ## train the networks of API discovery anew, from the shared corpora
	cargo build --release -p weir-perf-learning --bin train-endpoints
	$(CARGO_TARGET_DIR)/release/train-endpoints --shared $(SHARED) --out mgmt/models/endpoints.bin

lint: ## warnings are errors
	cargo clippy --workspace --all-targets -- -D warnings

fmt: ## format the code
	cargo fmt --all

fuzz: ## fuzz each parser for a minute; without cargo-fuzz (nightly): a long run of seeded mutations
	@if cargo +nightly fuzz --version >/dev/null 2>&1; then \
		for target in $$(cargo +nightly fuzz list); do \
			cargo +nightly fuzz run --features libfuzzer $$target -- -max_total_time=60 || exit 1; \
		done; \
	else \
		WEIR_FUZZ_RUNS=1000000 cargo test --manifest-path fuzz/Cargo.toml; \
	fi
