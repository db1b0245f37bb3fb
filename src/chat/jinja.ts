import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { strftime } from "./strftime.ts";

type Evaluate = Interpreter["evaluate"];
type RuntimeValue = ReturnType<Evaluate>;

/** The template itself said no, with `raise_exception`. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

/** The template does more work than any chat layout has to. */
export class TemplateRunaway extends Error {
  override readonly name = "TemplateRunaway";
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

/** Steps of one rendering: one to two seconds. A conversation of 4,096 messages and 128 tools takes a third. */
const stepBudget = 1_000_000;
/** Characters or elements of a result that cost as much as one step. */
const sizePerStep = 64;
const maxTextLength = 1 << 24;
const maxListLength = 1 << 20;

class BoundedInterpreter extends Interpreter {
  #steps = stepBudget;
  /** What `for` statements go through. */
  readonly #iterables = new Set<unknown>();

  override evaluate(...[statement, environment]: Parameters<Evaluate>): RuntimeValue {
    if (statement?.type === "For") {
      const { iterable } = statement as unknown as { iterable: { type: string; lhs?: unknown } };
      this.#iterables.add(iterable.type === "SelectExpression" ? iterable.lhs : iterable);
    }
    const value = super.evaluate(statement, environment);
    const size = sizeOf(value);
    this.#steps -= 1 + size / sizePerStep;
    const limit = value.type === "StringValue" ? maxTextLength : maxListLength;
    if (this.#steps < 0 || size > limit) throw new TemplateRunaway("The template does not come to an end");
    // In Python a string is a list of its characters. The published templates look for image parts that way.
    return this.#iterables.has(statement) && value.type === "StringValue" ? characters(value) : value;
  }
}

function sizeOf({ value }: RuntimeValue): number {
  return typeof value === "string" || Array.isArray(value) ? value.length : 0;
}

function characters(text: RuntimeValue): RuntimeValue {
  return new Environment().set("characters", [...String(text.value)]);
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
