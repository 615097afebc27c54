/**
 * Shell completion, written out from the command tree: no process is started when somebody presses Tab.
 * @module
 */
import type { Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Node {
  /** The words that lead here, joined by a space: `""`, `secret`, `secret put`. */
  readonly path: string;
  readonly children: readonly { readonly word: string; readonly text: string }[];
  readonly flags: readonly {
    readonly long: string;
    readonly short: string | undefined;
    readonly text: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
}

export function completionScript(shell: Shell, program: Command): string {
  const nodes = collect(program, "", []);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](nodes);
}

function collect(command: Command, path: string, inherited: Node["flags"]): Node[] {
  const own = command.options.map((option) => ({
    long: option.long ?? "",
    short: option.short,
    text: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
  const flags = [...own, ...inherited];
  const children = command.commands.map((child) => ({ word: child.name(), text: child.summary() }));
  const below = command.commands.flatMap((child) => collect(child, `${path} ${child.name()}`.trim(), flags));
  const help = { long: "--help", short: "-h", text: "show help", takesValue: false, choices: [] };
  return [{ path, children, flags: [...flags, help] }, ...below];
}

/** One `case` of words per node; a word that is an argument or a value leaves the node where it is. */
function bashScript(nodes: readonly Node[]): string {
  const cases = nodes.map(({ path, children, flags }) => {
    const commands = children.map((child) => child.word).join(" ");
    const options = flags.map((flag) => flag.long).join(" ");
    return `    ${quote(path)}) commands=${quote(commands)}; options=${quote(options)} ;;`;
  });
  const values = valueFlags(nodes)
    .map((flag) => (flag.short ? `${flag.long}|${flag.short}` : flag.long))
    .join("|");
  const choices = valueFlags(nodes)
    .filter((flag) => flag.choices.length > 0)
    .map(
      (flag) => `    ${flag.long}) COMPREPLY=($(compgen -W ${quote(flag.choices.join(" "))} -- "$current")); return ;;`,
    );
  return `# milagro completion for bash. Load with: source <(milagro completion bash)
_milagro() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" path="" commands="" options="" i word skip=""
  COMPREPLY=()
  case "$previous" in
${choices.join("\n")}
    ${values}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      --) COMPREPLY=($(compgen -c -- "$current")); return ;;
      ${values}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${path:+$path }$word" in
      ${nodes
        .filter((node) => node.path !== "")
        .map((node) => quote(node.path))
        .join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _milagro milagro
`;
}

function zshScript(nodes: readonly Node[]): string {
  const values = valueFlags(nodes)
    .map((flag) => (flag.short ? `${flag.long}|${flag.short}` : flag.long))
    .join("|");
  const cases = nodes.map(({ path, children, flags }) => {
    const commands = children.map(({ word, text }) => quote(`${word}:${colonless(text)}`)).join(" ");
    const options = flags.map(({ long, text }) => quote(`${long}:${colonless(text)}`)).join(" ");
    return `    ${quote(path)}) commands=(${commands}); options=(${options}) ;;`;
  });
  return `#compdef milagro
# milagro completion for zsh. Load with: source <(milagro completion zsh)
_milagro() {
  local -a commands options
  local node="" word skip="" i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      --) _command_names -e; return ;;
      ${values}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${node:+$node }$word" in
      ${nodes
        .filter((entry) => entry.path !== "")
        .map((entry) => quote(entry.path))
        .join("|")}) node="\${node:+$node }$word" ;;
    esac
  done
  if [[ -n $skip ]]; then _files; return; fi
  case "$node" in
${cases.join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -t options option options
  elif ((\${#commands})); then
    _describe -t commands command commands
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _milagro ]]; then _milagro "$@"; else compdef _milagro milagro; fi
`;
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, children, flags }) => {
    const condition = `__milagro_at ${quote(path)}`;
    const commands = children.map(
      ({ word, text }) => `complete -c milagro -n ${quote(condition)} -f -a ${quote(word)} -d ${quote(text)}`,
    );
    const options = flags.map(({ long, short, text, takesValue, choices }) => {
      const parts = [`-l ${long.slice(2)}`, ...(short ? [`-s ${short.slice(1)}`] : []), ...(takesValue ? ["-r"] : [])];
      const fixed = choices.length > 0 ? [`-f -a ${quote(choices.join(" "))}`] : [];
      return `complete -c milagro -n ${quote(condition)} ${[...parts, ...fixed].join(" ")} -d ${quote(text)}`;
    });
    return [...commands, ...options];
  });
  const values = valueFlags(nodes)
    .flatMap((flag) => [flag.long, ...(flag.short ? [flag.short] : [])])
    .join(" ");
  return `# milagro completion for fish. Load with: milagro completion fish | source
function __milagro_at
  set -l node ""
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1; set skip 0; continue; end
    if contains -- $word ${values}; set skip 1; continue; end
    if string match -q -- '-*' $word; continue; end
    set -l next (string trim "$node $word")
    if contains -- $next ${nodes
      .filter((entry) => entry.path !== "")
      .map((entry) => quote(entry.path))
      .join(" ")}; set node $next; end
  end
  test "$node" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function valueFlags(nodes: readonly Node[]): Node["flags"] {
  const seen = new Map(nodes.flatMap((node) => node.flags).map((flag) => [`${flag.long}${flag.short ?? ""}`, flag]));
  return [...seen.values()].filter((flag) => flag.takesValue);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function colonless(text: string): string {
  return text.replaceAll(":", "\\:");
}
