# TapeBackarr. `make help` lists the targets.
#
# On Debian 12 every target first installs what is missing for it, and says so; it needs root or sudo for that only.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# `dev` builds in less than half the time of `release`; its data path is optimised all the same (see Cargo.toml).
PROFILE ?= dev
# What `make run` sends to tape and back; `make run SOURCE=/usr` takes another folder. It is only read.
SOURCE ?= $(CURDIR)/src
# Where the server, the virtual tapes and the restored files of `make run` live; emptied at each run.
DATA_DIR ?= $(CURDIR)/data/demo
PORT ?= 8080
# How long `make soak` goes on, and `make fuzz` with each target.
SECONDS ?= 60
# What `make fuzz` feeds: a name of fuzz/targets/, or all.
TARGET ?= all

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PROGRAM := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/tapebackarr

.PHONY: help run build program test fmt lint unit-test lab soak fuzz check-deps check-openapi demo-test bench ui test-ui screenshots deb deb-test install-deps

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## See it work: a folder to virtual tape and back, then the server stays up
	$(PROGRAM) demo --source '$(SOURCE)' --data-dir '$(DATA_DIR)' --port $(PORT)

build: ui ## Build the program and the web interface

program: ## Build the program alone
	@scripts/install-deps build
	cargo build --locked --profile $(PROFILE) --bin tapebackarr

test: ## Everything that must hold: format, lints, tests, dependencies, API description, a real folder there and back, the web interface
	@scripts/install-deps test
	cargo fmt --all --check
	$(MAKE) --no-print-directory lint unit-test check-deps check-openapi demo-test test-ui
	@if [ "$${TAPEBACKARR_LAB:-}" = skip ]; then \
		echo; echo 'NOT TESTED: anything with the kernel'\''s tape drivers (TAPEBACKARR_LAB=skip)'; \
	fi

fmt: ## Format the code
	cargo fmt --all

lint: ## Compiler and clippy, warnings are errors
	cargo clippy --locked --workspace --all-targets --features breakpoints -- -D warnings

unit-test: ## All Rust tests and the examples in the documentation
	@if command -v cargo-nextest > /dev/null; then \
		echo 'cargo nextest run'; cargo nextest run --locked --workspace --features breakpoints; \
	else \
		echo 'cargo test'; cargo test --locked --workspace --all-targets --features breakpoints; \
	fi
	cargo test --locked --workspace --features breakpoints --doc

lab: ## What needs the kernel's own tape drivers, in the tape lab only (tests/lab/lab --help)
	@scripts/install-deps test
	cargo test --locked --workspace --features breakpoints --test lab --no-run
	@begin=$$(date +%s); \
	cargo test --locked --workspace --features breakpoints --test lab; \
	echo "The tape lab took $$(($$(date +%s) - begin)) seconds."

soak: ## Faults of every kind for so many seconds, 0: each once: make soak SECONDS=600; TAPEBACKARR_SEED=n for the same again
	@scripts/install-deps test
	SOAK_SECONDS=$(SECONDS) TMPDIR=$${TMPDIR:-/dev/shm} \
		cargo test --locked --features breakpoints --test faults -- --ignored --nocapture soak

fuzz: ## Made-up bytes for whatever reads tapes, drives and libraries: make fuzz TARGET=tar SECONDS=60
	scripts/fuzz '$(TARGET)' '$(SECONDS)'

check-deps: ## Licences and sources of all dependencies, offline, against deny.toml
	scripts/check-dependencies

check-openapi: program ## The description of the REST API is complete and consistent
	$(PROGRAM) openapi | scripts/check-openapi

demo-test: program ## A real folder to virtual tape and back must compare equal
	scripts/demo-test $(PROGRAM)

bench: ## Benchmarks, side by side with the rivals
	@scripts/install-deps bench
	@scripts/bench

ui: program ## Build the web interface into static/
	scripts/build-ui $(PROGRAM)

test-ui: ui ## The web interface: types, units, and a browser against the real server
	scripts/test-ui $(PROGRAM)

screenshots: ui ## Pictures of every page and state of the web interface, in target/screenshots/, and those of the README
	@scripts/install-deps test
	TAPEBACKARR_PROGRAM='$(abspath $(PROGRAM))' npm --prefix web run --silent screenshots

deb: ## The Debian package, in target/debian/
	@scripts/install-deps deb
	$(MAKE) --no-print-directory build PROFILE=release
	scripts/build-deb $(TARGET_DIR)/release/tapebackarr $(TARGET_DIR)/debian

deb-test: deb ## Install it in a clean Debian, start, use, upgrade, downgrade, remove, purge it (root; boots systemd-nspawn)
	scripts/deb-test $$(ls -t $(TARGET_DIR)/debian/tapebackarr_*.deb | head -1)

install-deps: ## Install what building and testing need on Debian
	@scripts/install-deps test
