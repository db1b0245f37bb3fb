import { Argument, type Command, type Option } from "commander";
import { modelAliases } from "../runtime/model_name.ts";
import { type Setting, settings } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = typeof shells[number];

const help = `
Examples:
  llamav completion bash > ~/.local/share/bash-completion/completions/llamav
  llamav completion zsh > "\${fpath[1]}/_llamav"
  llamav completion fish > ~/.config/fish/completions/llamav.fish`;

/** `llamav completion SHELL`: a script that completes commands, flags, choices and models. */
export function addCompletion(program: Command, context: CliContext): void {
  program.command("completion").summary("print a completion script for a shell")
    .description("Prints a script that completes commands, flags, their values and models in a shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText("after", help)
    .action(async (shell: Shell) => {
      await context.terminal.print(scripts[shell](describe(program)));
    });
}

interface CommandWords {
  /** Of a command of a command both: `"bench serve"`. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly FlagWords[];
  /** Choices of the first argument, and commands of this one. */
  readonly words: readonly string[];
  /** Whether the first argument is a model of this machine. */
  readonly takesModel: boolean;
}

interface FlagWords {
  readonly short: string | undefined;
  readonly long: string;
  readonly help: string;
  readonly takesValue: boolean;
  /** What the value can be; files where there are none. */
  readonly words: readonly string[];
  readonly takesModel: boolean;
}

/** Prints the models of this machine: the first column of a table, below its head. */
const listModels = "llamav list 2> /dev/null | tail -n +2 | cut -d ' ' -f 1";

function describe(program: Command): CommandWords[] {
  return program.commands.flatMap((command) => [
    // In front of the command that they belong to: whoever looks for the first that fits finds the right one.
    ...command.commands.map((inner) => describeCommand(program, inner, `${command.name()} ${inner.name()}`)),
    describeCommand(program, command, command.name()),
  ]);
}

function describeCommand(program: Command, command: Command, name: string): CommandWords {
  const { words, takesModel } = describeArgument(program, command.registeredArguments[0]);
  return {
    name,
    summary: command.summary(),
    flags: [...command.options.filter(({ hidden }) => !hidden).map(describeFlag), helpFlag],
    words: [...namesOf(command), ...words],
    takesModel,
  };
}

function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

function describeArgument(
  program: Command,
  argument: Argument | undefined,
): Pick<CommandWords, "words" | "takesModel"> {
  const name = argument?.name();
  // What is pulled is not here yet.
  const words = name === "repository"
    ? modelAliases
    : name === "command"
    ? namesOf(program)
    : argument?.argChoices;
  return { words: words ?? [], takesModel: name === "model" };
}

const helpFlag: FlagWords = {
  short: "-h",
  long: "--help",
  help: "print the help",
  takesValue: false,
  words: [],
  takesModel: false,
};

function describeFlag({ short, long, description, required }: Option): FlagWords {
  // What stands in brackets at the end are limits, default and variable: too long for a list to choose from.
  return {
    short,
    long: long!,
    help: description.replace(/ \([^()]*(\([^()]*\)[^()]*)*\)$/, ""),
    takesValue: required,
    words: wordsOf(long!),
    takesModel: [settings.model.flag, settings.huggingfaceRepoId.flag].some((flag) => flag === long),
  };
}

/** What the value of a flag can be, if that are a few words. */
function wordsOf(long: string): readonly string[] {
  const setting = Object.values<Setting>(settings).find(({ flag }) => flag === long);
  if (setting?.kind === "choice") return setting.choices;
  return setting?.kind === "text" ? setting.words ?? [] : [];
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, flags, words, takesModel }) => {
    const offered = [...takesModel ? ["$(_llamav_models)"] : [], ...words].join(" ");
    return `    "${name} "*) flags="${flags.map(({ long }) => long).join(" ")}"; words="${offered}" ;;`;
  });
  const valued = commands.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue));
  const values = new Set(valued.map((flag) => {
    const words = flag.takesModel ? "$(_llamav_models)" : flag.words.join(" ");
    const offer = words === ""
      ? `mapfile -t COMPREPLY < <(compgen -f -- "$word")`
      : `COMPREPLY=($(compgen -W "${words}" -- "$word"))`;
    return `    ${namesOfFlag(flag)}) ${offer}; return ;;`;
  }));
  return `# Completes llamav in bash.
_llamav_models() {
  ${listModels}
  printf '%s\\n' ${modelAliases.join(" ")}
}
_llamav() {
  local word="\${COMP_WORDS[COMP_CWORD]}" typed="\${COMP_WORDS[*]:1:COMP_CWORD-1} " before="\${COMP_WORDS[COMP_CWORD - 1]}" flags="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${
    topLevel(commands).map(({ name }) => name).join(" ")
  } --help --version" -- "$word"))
    return
  fi
  case "$before" in
${[...values].join("\n")}
  esac
  case "$typed" in
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

/** Of a command line: the commands that are not those of another. */
function topLevel(commands: readonly CommandWords[]): CommandWords[] {
  return commands.filter(({ name }) => !name.includes(" "));
}

function namesOfFlag({ short, long }: FlagWords): string {
  return short === undefined ? long : `${short}|${long}`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const names = topLevel(commands).map(({ name, summary }) => `    ${single(`${name}:${summary}`)}`);
  const action = ({ words, takesModel }: Pick<CommandWords, "words" | "takesModel">) => {
    if (takesModel && words.length > 0) return `{_llamav_models; compadd ${words.join(" ")}}`;
    return takesModel ? "_llamav_models" : words.length > 0 ? `(${words.join(" ")})` : "_files";
  };
  const inner = commands.filter(({ name }) => name.includes(" ")).map(({ name }) =>
    `  if (( CURRENT > 2 )) && [[ "$name \${words[2]}" = ${single(name)} ]]; then
    name="$name \${words[2]}"
    shift words
    (( CURRENT-- ))
  fi`
  );
  const cases = commands.map(({ name, flags, ...argument }) => {
    const specs = flags.map(({ short, long, help, takesValue, ...value }) => {
      const text = help.replace(/[[\]:\\]/g, "\\$&");
      const values = takesValue ? `:value:${action(value)}` : "";
      return [short, long].filter((flag) => flag !== undefined).map((flag) =>
        single(`*${flag}[${text}]${values}`)
      ).join(" ");
    });
    const first = single(`1:word:${action(argument)}`);
    return `    ${single(name)}) _arguments ${
      [...specs, first, single("*:file:_files")].join(" \\\n      ")
    } ;;`;
  });
  return `#compdef llamav
# Completes llamav in zsh.
_llamav_models() {
  local -a models
  models=(\${(f)"$(${listModels})"} ${modelAliases.join(" ")})
  _alternative 'models:model:compadd -a models' 'files:file:_files'
}
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
${inner.join("\n")}
  case "$name" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _llamav ]; then _llamav "$@"; else compdef _llamav llamav; fi
`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, summary, flags, words, takesModel }) => {
    const seen = `complete -c llamav -n '${fishCondition(name, commands)}'`;
    return [
      ...name.includes(" ")
        ? []
        : [`complete -c llamav -n __fish_use_subcommand -f -a ${name} -d ${single(summary)}`],
      ...words.map((word) => `${seen} -f -a ${word}`),
      ...takesModel ? [`${seen} -a '(__llamav_models)'`] : [],
      ...flags.map(({ short, long, help, takesValue, ...value }) =>
        [
          seen,
          ...short === undefined ? [] : [`-s ${short.slice(1)}`],
          `-l ${long.slice(2)}`,
          ...value.takesModel
            ? ["-x -a '(__llamav_models)'"]
            : value.words.length > 0
            ? [`-x -a ${single(value.words.join(" "))}`]
            : takesValue
            ? ["-r"]
            : [],
          `-d ${single(help)}`,
        ].join(" ")
      ),
    ];
  });
  return `# Completes llamav in fish.
function __llamav_models
  ${listModels}
  printf '%s\\n' ${modelAliases.join(" ")}
end
${lines.join("\n")}
`;
}

/** Whether the words before the cursor are for this command, not for one of its own or one of its name elsewhere. */
function fishCondition(name: string, commands: readonly CommandWords[]): string {
  const others = commands.map((command) => command.name.split(" ")).flatMap(([outer, inner]) => {
    if (inner === undefined || name.includes(" ")) return [];
    return outer === name ? [inner] : inner === name ? [outer!] : [];
  });
  return [
    ...name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`),
    ...others.map((word) => `not __fish_seen_subcommand_from ${word}`),
  ].join("; and ");
}

/** A text that no shell looks into. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
