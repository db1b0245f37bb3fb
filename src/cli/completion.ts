import { Argument, type Command, type Option } from "commander";
import type { CliContext } from "./context.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = typeof shells[number];

const help = `
Examples:
  llamav completion bash > ~/.local/share/bash-completion/completions/llamav
  llamav completion zsh > "\${fpath[1]}/_llamav"
  llamav completion fish > ~/.config/fish/completions/llamav.fish`;

/** `llamav completion SHELL`: a script that completes commands, flags and choices. */
export function addCompletion(program: Command, context: CliContext): void {
  program.command("completion").summary("print a completion script for a shell")
    .description("Prints a script that completes commands and flags in a shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText("after", help)
    .action(async (shell: Shell) => {
      await context.terminal.print(scripts[shell](describe(program)));
    });
}

interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly FlagWords[];
  /** Choices of the first argument. */
  readonly words: readonly string[];
}

interface FlagWords {
  readonly short: string | undefined;
  readonly long: string;
  readonly help: string;
  readonly takesValue: boolean;
}

function describe(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    flags: [...command.options.filter(({ hidden }) => !hidden).map(describeFlag), helpFlag],
    words: command.registeredArguments[0]?.argChoices ?? [],
  })).concat({ name: "help", summary: "print the help of a command", flags: [], words: namesOf(program) });
}

function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

const helpFlag: FlagWords = { short: "-h", long: "--help", help: "print the help", takesValue: false };

function describeFlag({ short, long, description, required }: Option): FlagWords {
  // What stands in brackets at the end are limits, default and variable: too long for a list to choose from.
  return {
    short,
    long: long!,
    help: description.replace(/ \([^()]*(\([^()]*\)[^()]*)*\)$/, ""),
    takesValue: required,
  };
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, flags, words }) =>
    `    ${name}) flags="${flags.map(({ long }) => long).join(" ")}"; words="${words.join(" ")}" ;;`
  );
  const valued = [
    ...new Set(
      commands.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(namesOfFlag)),
    ),
  ];
  return `# Completes llamav in bash.
_llamav() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" flags="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$word"))
    return
  fi
  case "$before" in
    ${valued.join("|")}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word") ;;
  esac
}
complete -o filenames -F _llamav llamav
`;
}

function namesOfFlag({ short, long }: FlagWords): string {
  return short === undefined ? long : `${short}|${long}`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name, summary }) => `    ${single(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, flags, words }) => {
    const specs = flags.map(({ short, long, help, takesValue }) => {
      const text = help.replace(/[[\]:\\]/g, "\\$&");
      const value = takesValue ? ":value:_files" : "";
      return [short, long].filter((flag) => flag !== undefined).map((flag) =>
        single(`*${flag}[${text}]${value}`)
      ).join(" ");
    });
    const argument = words.length > 0 ? `:word:(${words.join(" ")})` : ":file:_files";
    return `    ${name}) _arguments ${[...specs, single(`*${argument}`)].join(" \\\n      ")} ;;`;
  });
  return `#compdef llamav
# Completes llamav in zsh.
_llamav() {
  local -a commands
  commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$name" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _llamav ]; then _llamav "$@"; else compdef _llamav llamav; fi
`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, summary, flags, words }) => [
    `complete -c llamav -n __fish_use_subcommand -f -a ${name} -d ${single(summary)}`,
    ...words.map((word) => `complete -c llamav -n '__fish_seen_subcommand_from ${name}' -f -a ${word}`),
    ...flags.map(({ short, long, help, takesValue }) =>
      [
        `complete -c llamav -n '__fish_seen_subcommand_from ${name}'`,
        ...short === undefined ? [] : [`-s ${short.slice(1)}`],
        `-l ${long.slice(2)}`,
        ...takesValue ? ["-r"] : [],
        `-d ${single(help)}`,
      ].join(" ")
    ),
  ]);
  return `# Completes llamav in fish.\n${lines.join("\n")}\n`;
}

/** A text that no shell looks into. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
