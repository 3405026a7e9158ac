import { projectEnvironment } from "../lib/checkout.ts";
import type { MakeCommand, MakeVariable } from "../lib/make.ts";

/** Prints lines for `eval` in bash and zsh: the project's environment, the aliases, and their completion. */
export async function printEnvironment(commands: readonly MakeCommand[]): Promise<number> {
  // Not by deps.print: these lines are for a shell, and a path may look like something to redact.
  process.stdout.write([...environmentLines(), ...aliasLines(commands), ...completionLines(commands), ""].join("\n"));
  return 0;
}

/** What differs from the shell's environment, as exports. */
export function environmentLines(env: NodeJS.ProcessEnv = process.env): string[] {
  const changed = Object.entries(projectEnvironment(env)).filter(([name, value]) => env[name] !== value);
  return changed.map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`);
}

const isAliased = ({ target }: MakeCommand) => /^(letta|thoth)-/.test(target);

/** The commands of each stack under the names that make has for them. */
export function aliasLines(commands: readonly MakeCommand[]): string[] {
  const aliases = commands
    .filter(isAliased)
    .map(({ target, path }) => `alias ${target}='thoth-letta ${path.join(" ")}'`);
  return [...aliases, `alias thoth-cd='cd "$THOTH_LETTA_ROOT"'`];
}

/** Completion of make's targets and variables in the checkout, and of the aliases' flags. */
export function completionLines(commands: readonly MakeCommand[]): string[] {
  const shown = commands.filter(({ group }) => group !== "");
  const targets = [...new Set(shown.map(({ target }) => target))];
  const words = (of: readonly MakeCommand[], word: (variable: MakeVariable) => string) =>
    [...new Set(of.flatMap(({ variables }) => variables.map(word)))].filter((text) => text !== "").join(" ");
  const variables = targets.map((target) => {
    const members = shown.filter((command) => command.target === target);
    const assigned = words(members, ({ name, isSwitch }) => (isSwitch ? `${name}=1` : `${name}=`));
    return `    "make ${target}") echo "${assigned}" ;;`;
  });
  const flags = shown.filter(isAliased).map((command) => {
    return `    ${command.target}) echo "${words([command], ({ flag = "" }) => flag)}" ;;`;
  });
  const names = shown.filter(isAliased).map(({ target }) => target);
  return [
    "_thoth_letta_words() {",
    '  case "$1" in',
    `    make) echo "${targets.join(" ")}" ;;`,
    ...variables,
    ...flags,
    "  esac",
    "}",
    completion(names.join(" ")),
  ];
}

/** Elsewhere than in the checkout, make keeps the completion it had. */
const completion = (names: string) => `if [ -n "\${ZSH_VERSION:-}" ]; then
  _thoth_letta_zsh() {
    local -a found
    if [ "$service" != make ]; then found=($(_thoth_letta_words "$service"))
    elif [ "$PWD" != "$THOTH_LETTA_ROOT" ]; then _make "$@"; return
    elif [ "$CURRENT" = 2 ]; then found=($(_thoth_letta_words make))
    else found=($(_thoth_letta_words "make \${words[2]}"))
    fi
    compadd -S "" -- \${(M)found:#*=}
    compadd -- \${found:#*=}
  }
  setopt complete_aliases
  if command -v compdef >/dev/null; then compdef _thoth_letta_zsh make ${names}; fi
elif [ -n "\${BASH_VERSION:-}" ]; then
  _thoth_letta_bash() {
    local found
    if [ "$1" != make ]; then found=$(_thoth_letta_words "$1")
    elif [ "$PWD" != "$THOTH_LETTA_ROOT" ]; then
      if ! declare -F _make >/dev/null && declare -F _completion_loader >/dev/null; then
        _completion_loader make
        complete -F _thoth_letta_bash make
      fi
      if declare -F _make >/dev/null; then _make "$@"; fi
      return
    elif [ "$COMP_CWORD" = 1 ]; then found=$(_thoth_letta_words make)
    else found=$(_thoth_letta_words "make \${COMP_WORDS[1]}")
    fi
    COMPREPLY=($(compgen -W "$found" -- "$2"))
    case "\${COMPREPLY[*]}" in *=) compopt -o nospace 2>/dev/null ;; esac
  }
  complete -F _thoth_letta_bash make ${names}
fi`;
