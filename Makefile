# Every target is a command of scripts/main.ts, which defines its variables: make help, docs/commands.md.

SHELL := /bin/bash
NODE := node_modules/.bin/node
# The variables on make's command line; make itself exports their values.
GIVEN = $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

# Compiled modules are kept: without them each command spends half a second on compiling them again.
export NODE_COMPILE_CACHE ?= $(CURDIR)/node_modules/.cache/node-compile

.DEFAULT_GOAL := help
.PHONY: help ALWAYS

# Without an installation there is nothing to ask yet.
help:
	@if [ -x $(NODE) ]; then $(NODE) scripts/main.ts help; \
	else echo "make setup first; all commands: docs/commands.md"; fi

# npm's own record of what it installed: up to date means nothing to do.
node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "error: npm is not on PATH: install Node.js 20 or newer, e.g. apt-get install nodejs npm" >&2; exit 1; }
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

%: node_modules/.package-lock.json ALWAYS
	@$(NODE) scripts/main.ts make $@ $(foreach name,$(GIVEN),$(name)="$$$(name)")

# Files that the rule above must not take for commands.
Makefile package.json package-lock.json ALWAYS: ;
