# The commands of README.md; all of them are `node scripts/main.ts …`, run by the Node that npm installs here.
# Options: YES=1 (do not ask), DRY_RUN=1, JSON=1, FOLLOW=1, LETTA_STACK=name, THOTH_STACK=name.

SHELL := /bin/bash
NODE := node_modules/.bin/node
RUN := $(NODE) scripts/main.ts
JSON_FLAG := $(if $(JSON),--json)
FOLLOW_FLAG := $(if $(FOLLOW),--follow)
# What `letta upgrade` takes.
UPGRADE_FLAGS = $(if $(TO),--to '$(TO)') $(if $(POSTGRES),--postgres '$(POSTGRES)') $(if $(DRY_RUN),--dry-run) \
	$(if $(RESUME),--resume)
# What `letta adopt` takes.
ADOPT_FLAGS = $(if $(VOLUME),--from-volume '$(VOLUME)') $(if $(IMAGE),--image '$(IMAGE)') $(if $(DRY_RUN),--dry-run) \
	$(if $(RESUME),--resume)
KEY_FLAG = $(if $(KEY_FILE),--key-file '$(KEY_FILE)')
# The moment, the database, and how: what `restore` takes. Single quotes: a time has spaces.
RESTORE_WHAT = $(if $(TABLES),tables '$(PROJECT)' --tables '$(TABLES)',$(if $(PROJECT),project '$(PROJECT)',server))
RESTORE_FLAGS = $(if $(AT),--at '$(AT)') $(if $(POINT),--point '$(POINT)') $(if $(LATEST),--latest) $(if $(DRY_RUN),--dry-run)
# What `letta projects env` takes.
ENV_FLAGS = $(if $(FORMAT),--format '$(FORMAT)') $(if $(FOR),--for '$(FOR)') $(if $(SHOW),--show-secrets) \
	$(if $(OUTPUT),--output '$(OUTPUT)')
FINISH_FLAG := $(if $(FINISH),--finish)
# Only what is set: an empty LETTA_STACK would be a stack without a name.
$(foreach name,YES LETTA_STACK THOTH_STACK,$(if $($(name)),$(eval export $(name))))

.DEFAULT_GOAL := help
.PHONY: help setup up down status test check chaos bench images-lock letta-start letta-stop letta-restart letta-upgrade letta-adopt letta-recover letta-status letta-logs \
	letta-logs-pg letta-reinit thoth-start thoth-stop thoth-restart thoth-status thoth-logs \
	backup backup-list backup-verify backup-expire backup-point backup-key backup-export backup-import \
	restore restore-undo restore-resume drill projects project-add project-remove project-env project-rotate rotate

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 28

# npm's own record of what it installed: up to date means nothing to do.
node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "error: npm is not on PATH: install Node.js 20 or newer, e.g. apt-get install nodejs npm" >&2; exit 1; }
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

setup: node_modules/.package-lock.json ## install, build or pull what is missing
	@$(RUN) setup
up: node_modules/.package-lock.json ## both stacks, from nothing to healthy
	@$(RUN) up
down: node_modules/.package-lock.json ## remove the containers of both stacks; data is kept
	@$(RUN) down
status: node_modules/.package-lock.json ## what runs, and how it is
	@$(RUN) status $(JSON_FLAG)
test: node_modules/.package-lock.json ## all tests, on separate stacks next to yours (ONLY=refusals: one file)
	@$(RUN) test $(ONLY)
check: node_modules/.package-lock.json ## types, lint and unit tests
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm run --silent check
chaos: node_modules/.package-lock.json ## kills, faults and lost volumes; an hour (ONLY=crash)
	@$(RUN) chaos $(ONLY)
bench: node_modules/.package-lock.json ## the figures of docs/figures.md, measured here
	@$(RUN) bench
images-lock: node_modules/.package-lock.json ## pin the registry images by their digests of today
	@$(RUN) images-lock

letta-start: node_modules/.package-lock.json ## bring the letta stack up, also after a stop or a crash
	@$(RUN) letta start
letta-stop: node_modules/.package-lock.json ## stop it; refuses while others use it (YES=1)
	@$(RUN) letta stop
letta-restart: node_modules/.package-lock.json ## stop and start it; refuses while others use it (YES=1)
	@$(RUN) letta restart
letta-upgrade: node_modules/.package-lock.json ## another version of Letta, with a way back (TO=0.16.8; DRY_RUN=1 RESUME=1 YES=1)
	@$(RUN) letta upgrade $(UPGRADE_FLAGS) $(JSON_FLAG)
letta-recover: node_modules/.package-lock.json ## take the letta stack's lost state from its backups (KEY_FILE=path when letta-backup is down)
	@$(RUN) letta recover $(KEY_FLAG)
letta-reinit: node_modules/.package-lock.json ## put a database aside whose first start was interrupted; never a finished one
	@$(RUN) letta reinit
letta-adopt: node_modules/.package-lock.json ## take over the databases of another Postgres (VOLUME=name IMAGE=reference; DRY_RUN=1 RESUME=1 YES=1)
	@$(RUN) letta adopt $(ADOPT_FLAGS)
letta-status: node_modules/.package-lock.json ## its services, agents and database sizes (JSON=1)
	@$(RUN) letta status $(JSON_FLAG)
letta-logs: node_modules/.package-lock.json ## its logs (FOLLOW=1)
	@$(RUN) letta logs $(FOLLOW_FLAG)
letta-logs-pg: node_modules/.package-lock.json ## the logs of Postgres (FOLLOW=1)
	@$(RUN) letta logs postgres $(FOLLOW_FLAG)

thoth-start: node_modules/.package-lock.json ## bring Thoth up, and Letta first when it is down (YES=1)
	@$(RUN) thoth start
thoth-stop: node_modules/.package-lock.json ## stop Thoth; Letta is not touched
	@$(RUN) thoth stop
thoth-restart: node_modules/.package-lock.json ## stop and start Thoth; Letta is not touched
	@$(RUN) thoth restart
thoth-status: node_modules/.package-lock.json ## its roles (JSON=1)
	@$(RUN) thoth status $(JSON_FLAG)
thoth-logs: node_modules/.package-lock.json ## its logs (FOLLOW=1)
	@$(RUN) thoth logs $(FOLLOW_FLAG)

backup: node_modules/.package-lock.json ## make a backup now (TYPE=full|differential|incremental)
	@$(RUN) backup now $(if $(TYPE),--type $(TYPE)) $(JSON_FLAG)
backup-list: node_modules/.package-lock.json ## the backups, and the moments that can be restored (JSON=1)
	@$(RUN) backup list $(JSON_FLAG)
backup-verify: node_modules/.package-lock.json ## read all backups: are they there and whole
	@$(RUN) backup verify $(JSON_FLAG)
backup-expire: node_modules/.package-lock.json ## remove what the retention does not keep
	@$(RUN) backup expire $(JSON_FLAG)
backup-point: node_modules/.package-lock.json ## give this moment a name to restore to (NAME=point)
	@$(RUN) backup point '$(NAME)' $(JSON_FLAG)
backup-key: node_modules/.package-lock.json ## the key that opens every backup; keep it elsewhere (SHOW=1)
	@$(RUN) backup key $(if $(SHOW),--show-secrets)
backup-export: node_modules/.package-lock.json ## all backups as one encrypted archive (FOLDER=path)
	@$(RUN) backup export '$(FOLDER)' $(JSON_FLAG)
backup-import: node_modules/.package-lock.json ## a letta stack from such an archive, or from the copy on another host (FOLDER=path KEY_FILE=path)
	@$(RUN) backup import $(if $(FOLDER),'$(FOLDER)') $(KEY_FLAG)

restore: node_modules/.package-lock.json ## bring data back (AT=time, POINT=name or LATEST=1; PROJECT=name TABLES=a,b; DRY_RUN=1 YES=1)
	@$(RUN) restore $(RESTORE_WHAT) $(RESTORE_FLAGS)
restore-undo: node_modules/.package-lock.json ## back to what was there before the last restore (PROJECT=name)
	@$(RUN) restore undo $(if $(PROJECT),--project '$(PROJECT)') $(if $(DRY_RUN),--dry-run)
restore-resume: node_modules/.package-lock.json ## resume a restore that was interrupted
	@$(RUN) restore resume
drill: node_modules/.package-lock.json ## restore into scratch space and check the result (POINT=name JSON=1)
	@$(RUN) drill $(if $(POINT),--point '$(POINT)') $(JSON_FLAG)

projects: node_modules/.package-lock.json ## each project: its database, sessions, agents and last request (JSON=1)
	@$(RUN) letta projects list $(JSON_FLAG)
project-add: node_modules/.package-lock.json ## a database, a token and a user in Letta for another application (NAME=notes)
	@$(RUN) letta projects add '$(NAME)'
project-remove: node_modules/.package-lock.json ## keep a project out and its data here (NAME=notes; PURGE=1 drops that after a backup, YES=1)
	@$(RUN) letta projects remove '$(NAME)' $(if $(PURGE),--purge)
project-env: node_modules/.package-lock.json ## what a project's application needs (NAME=notes; FORMAT=json|compose FOR=host SHOW=1 OUTPUT=path)
	@$(RUN) letta projects env '$(NAME)' $(ENV_FLAGS)
project-rotate: node_modules/.package-lock.json ## new credentials for a project beside its old ones (NAME=notes), then without them (FINISH=1)
	@$(RUN) letta projects rotate '$(NAME)' $(FINISH_FLAG)
rotate: node_modules/.package-lock.json ## new credentials for Letta, Thoth and every project, then without the old ones (FINISH=1)
	@$(RUN) letta rotate $(FINISH_FLAG)
