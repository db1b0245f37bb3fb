import { Environment, parse, tokenize } from "@huggingface/jinja";
import { BoundedInterpreter, maxListLength } from "./bounded_interpreter.ts";
import { strftime } from "./strftime.ts";
import { TemplateRunaway } from "./template_runaway.ts";

/** The template itself said no, with `raise_exception`. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

/**
 * A compiled Jinja template in the environment that chat templates expect: trim_blocks and lstrip_blocks,
 * `raise_exception`, `strftime_now`, `range`, `namespace`, `tojson` with Python's separators.
 *
 * A template comes with a checkpoint, so it may be hostile. It has no way out of its interpreter, and a budget
 * bounds its time and its memory: every expression and every statement passes through one method, where it pays
 * for itself and for the size of its result. So no thread has to be started, watched and killed, and whether a
 * template is refused does not depend on how busy the machine is.
 */
export class JinjaTemplate {
  readonly #program: ReturnType<typeof parse>;

  /** @throws {Error} If the source is not a template. */
  constructor(source: string) {
    this.#program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  }

  /**
   * @param variables plain JSON-like values
   * @throws {TemplateRefusal} If the template calls `raise_exception`.
   * @throws {TemplateRunaway} If it exceeds its budget.
   * @throws {Error} If it uses a value as what it is not.
   */
  render(variables: Readonly<Record<string, unknown>>): string {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    const output = new BoundedInterpreter(environment).run(this.#program).value;
    if (typeof output !== "string") throw new TypeError("A template must give text");
    return output;
  }
}

const globals: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  raise_exception: (message: unknown) => {
    throw new TemplateRefusal(String(message));
  },
  strftime_now: (format: unknown) => strftime(String(format), new Date()),
};

/** Python's `range`, not longer than a list may be. */
function range(first: number, last?: number, step = 1): number[] {
  const [begin, end] = last === undefined ? [0, first] : [first, last];
  const length = Math.max(0, Math.ceil((end - begin) / step));
  if (!(length <= maxListLength)) {
    throw new TemplateRunaway(`The template asks for a range of ${length} numbers`);
  }
  return Array.from({ length }, (_, i) => begin + i * step);
}
