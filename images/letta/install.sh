#!/bin/bash
# Installs one release of Letta in /app, with exactly the packages of its lock file: install.sh VERSION
set -Eeuo pipefail

readonly version=$1
readonly inputs=/build work=/tmp/letta
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_PYTHON=/usr/bin/python3 UV_NO_PROGRESS=1
if [[ -n ${PIP_INDEX_URL:-} ]]; then export UV_DEFAULT_INDEX=$PIP_INDEX_URL; fi

main() {
  mkdir -p "$work/source" /app
  cd "$work"
  install_tools
  fetch_source
  install_locked_packages
  install_letta
  /app/.venv/bin/python "$inputs/compile.py" # before the working directory goes: the import leaves a file in it
  cd /
  rm -rf "$work" "$inputs" /root/.letta
}

install_tools() {
  python3 -m venv tools
  tools/bin/pip install --require-hashes --requirement "$inputs/build-tools.txt"
  PATH=$work/tools/bin:$PATH
}

# Without build isolation pip reads the metadata with the pinned build backend instead of fetching one.
fetch_source() {
  pip download --require-hashes --no-deps --no-binary letta --no-build-isolation \
    --requirement "$inputs/releases/letta-$version.txt"
  tar --extract --gzip --strip-components=1 --directory source --file "letta-$version.tar.gz"
}

# By way of a requirements file, since an installation straight from the lock file goes to the addresses in it, past
# the index of this host. psycopg2 is left out: psycopg2-binary is locked as well, holds the same module and, unlike
# psycopg2, needs no compiler. Of the experimental packages uvloop is wanted, which the published image has: uvicorn takes
# it when it is there. granian is another server, which nothing starts.
install_locked_packages() {
  uv export --quiet --project source --frozen --no-dev --extra postgres --extra server --extra redis --extra experimental \
    --no-emit-project --no-emit-package psycopg2 --prune granian --output-file requirements.txt
  uv venv --quiet /app/.venv
  uv pip install --quiet --python /app/.venv --require-hashes --requirement requirements.txt
}

install_letta() {
  pip wheel --no-deps --no-build-isolation --wheel-dir wheels ./source
  uv pip install --quiet --python /app/.venv --no-deps wheels/*.whl
  cp -r source/alembic source/alembic.ini /app/
}

main
