# shellcheck shell=bash
# For bash and zsh: plain `pulumi` works in the checkout, and letta-start, thoth-stop, … are commands with completion.
#   source scripts/shell.sh

if [ -n "${ZSH_VERSION:-}" ]; then
  THOTH_LETTA_ROOT=$(cd "$(dirname "${(%):-%x}")/.." && pwd)
else
  THOTH_LETTA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fi
export THOTH_LETTA_ROOT

thoth-letta() { "$THOTH_LETTA_ROOT/node_modules/.bin/node" "$THOTH_LETTA_ROOT/scripts/main.ts" "$@"; }

if [ -x "$THOTH_LETTA_ROOT/node_modules/.bin/node" ]; then
  eval "$(thoth-letta environment)"
else
  echo "thoth-letta: run make setup in $THOTH_LETTA_ROOT first" >&2
fi
