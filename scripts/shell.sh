# shellcheck shell=bash
# To be sourced by bash or zsh: plain `pulumi` works in the checkout, and the everyday commands have short names.
#   source scripts/shell.sh

if [ -n "${ZSH_VERSION:-}" ]; then
  THOTH_LETTA_ROOT=$(cd "$(dirname "${(%):-%x}")/.." && pwd)
else
  THOTH_LETTA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fi
export THOTH_LETTA_ROOT

_thoth_letta() { "$THOTH_LETTA_ROOT/node_modules/.bin/node" "$THOTH_LETTA_ROOT/scripts/main.ts" "$@"; }

if [ -x "$THOTH_LETTA_ROOT/node_modules/.bin/node" ]; then
  eval "$(_thoth_letta environment)"
else
  echo "thoth-letta: run make setup in $THOTH_LETTA_ROOT first" >&2
fi

alias letta-start='_thoth_letta letta start'
alias letta-stop='_thoth_letta letta stop'
alias letta-restart='_thoth_letta letta restart'
alias letta-upgrade='_thoth_letta letta upgrade'
alias letta-adopt='_thoth_letta letta adopt'
alias letta-recover='_thoth_letta letta recover'
alias letta-reinit='_thoth_letta letta reinit'
alias letta-status='_thoth_letta letta status'
alias letta-logs='_thoth_letta letta logs'
alias letta-logs-pg='_thoth_letta letta logs postgres'
alias thoth-start='_thoth_letta thoth start'
alias thoth-stop='_thoth_letta thoth stop'
alias thoth-restart='_thoth_letta thoth restart'
alias thoth-status='_thoth_letta thoth status'
alias thoth-logs='_thoth_letta thoth logs'
alias thoth-cd='cd "$THOTH_LETTA_ROOT"'
