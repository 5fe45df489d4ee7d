import { assertNever } from "../kernel/assert.ts";

export const completionShells = ["bash", "zsh", "fish"] as const;
export type CompletionShell = (typeof completionShells)[number];

/** A script that completes the words that may follow each command path; files where it knows none. */
export function completionScript(shell: CompletionShell, words: ReadonlyMap<string, readonly string[]>): string {
  switch (shell) {
    case "bash":
      return bash(words, shell);
    case "zsh":
      // zsh runs scripts that were written for bash's completion.
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(words, shell)}`;
    case "fish":
      return fish(words);
    default:
      return assertNever(shell);
  }
}

function bash(words: ReadonlyMap<string, readonly string[]>, shell: CompletionShell): string {
  const cases = [...words].map(([path, next]) => `    "${path}") words="${next.join(" ")}" ;;`);
  return `# cascade completion; load it with: source <(cascade completion ${shell})
_cascade() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) case "$path" in *" "*) ;; *) path="\${path:+$path }$word" ;; esac ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
    *) case "\${path%% *}" in
${[...words]
  .filter(([path]) => path !== "" && !path.includes(" "))
  .map(([path, next]) => `      "${path}") words="${next.join(" ")}" ;;`)
  .join("\n")}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _cascade cascade
`;
}

function fish(words: ReadonlyMap<string, readonly string[]>): string {
  const lines = [...words].flatMap(([path, next]) => {
    const parts = path.split(" ").filter((part) => part !== "");
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    const commands = next.filter((word) => !word.startsWith("-"));
    const condition =
      parts.length === 0
        ? "__fish_use_subcommand"
        : [...seen, ...(commands.length > 0 ? [`not __fish_seen_subcommand_from ${commands.join(" ")}`] : [])].join(
            "; and ",
          );
    return next.map((word) =>
      word.startsWith("--")
        ? `complete -c cascade -n "${condition}" -l ${word.slice(2)}`
        : `complete -c cascade -f -n "${condition}" -a ${word}`,
    );
  });
  return `# cascade completion; load it with: cascade completion fish | source\n${lines.join("\n")}\n`;
}
