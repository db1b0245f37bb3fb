import { Environment, Interpreter } from "@huggingface/jinja";
import { TemplateRunaway } from "./template_runaway.ts";
import { ValueSizes } from "./value_sizes.ts";

type Evaluate = Interpreter["evaluate"];
type Node = NonNullable<Parameters<Evaluate>[0]>;
type RuntimeValue = ReturnType<Evaluate>;

/**
 * Steps of one rendering: half a second to one, where nothing else runs. They are counted, as time would refuse on a busy
 * machine what it takes on an idle one. A conversation of 4,096 messages and 128 tools takes two thirds.
 */
const stepBudget = 500_000;
/** Characters or elements of a result that cost as much as one step. */
const sizePerStep = 64;
export const maxTextLength = 1 << 22;
export const maxListLength = 1 << 20;
/** Nesting of evaluations: a variable is looked for in as many scopes. Published layouts have some thirty. */
const maxDepth = 400;

/** Filters and methods whose work grows with all that a value contains, not with its length. */
const deepNames: ReadonlySet<string> = new Set(["tojson", "string", "join", "sort", "dictsort", "unique"]);
/** Filters that can put an argument's worth of text beside each piece of the operand. */
const scalingNames: ReadonlySet<string> = new Set(["tojson", "join", "indent", "replace"]);

/** A node that is already evaluated: how an operand is looked at before the library gets it. */
class Known {
  readonly type = "Known";
  constructor(readonly result: RuntimeValue) {}
}

interface Member extends Node {
  readonly object: Node;
  readonly property?: Node & { readonly value?: unknown };
}
interface Argument extends Node {
  readonly argument?: Node;
  readonly value?: Node;
}
interface Call extends Node {
  readonly callee: Node & Partial<Member> & { readonly value?: unknown };
  readonly args: readonly Argument[];
}
interface Filter extends Node {
  readonly operand: Node;
  readonly filter: Node & Partial<Call> & { readonly value?: unknown };
}
interface Binary extends Node {
  readonly operator: { readonly value: string };
  readonly left: Node;
  readonly right: Node;
}
interface Block extends Node {
  readonly body?: unknown;
  readonly alternate?: unknown;
  readonly defaultBlock?: unknown;
}

/**
 * Runs a template within a budget. Every expression and every statement pays for itself and for the size of its
 * result. What could cost more than its result shows pays before it is done: loops by their rounds, comparing and
 * printing by all that a value contains, and filters that repeat a text by the length of what they make.
 */
export class BoundedInterpreter extends Interpreter {
  #steps = stepBudget;
  #depth = 0;
  readonly #sizes = new ValueSizes(maxTextLength);
  /** Statements of a block: their values are printed. */
  readonly #printed = new Set<unknown>();

  override run(program: Parameters<Interpreter["run"]>[0]): RuntimeValue {
    collectPrinted(program.body, this.#printed);
    return super.run(program);
  }

  override evaluate(...[node, environment]: Parameters<Evaluate>): RuntimeValue {
    if (node instanceof Known) return node.result;
    if (++this.#depth > maxDepth) {
      throw new TemplateRunaway(`The template nests more than ${maxDepth} levels`);
    }
    const value = this.#evaluateWithin(node, environment);
    const size = lengthOf(value);
    this.#charge(1 + size / sizePerStep);
    if (size > (typeof value.value === "string" ? maxTextLength : maxListLength)) throw new TemplateRunaway();
    if (this.#printed.has(node)) this.#chargeContent(value);
    return value;
  }

  /** `break` and `continue` leave by throwing, too. */
  #evaluateWithin(node: Node | undefined, environment: Environment): RuntimeValue {
    try {
      return this.#evaluate(node, environment);
    } finally {
      this.#depth--;
    }
  }

  #evaluate(node: Node | undefined, environment: Environment): RuntimeValue {
    switch (node?.type) {
      case "For":
        return super.evaluate(this.#loop(node as Node & { iterable: Node }, environment), environment);
      case "BinaryExpression":
        return super.evaluate(this.#binary(node as Binary, environment), environment);
      case "FilterExpression":
        return super.evaluate(this.#filter(node as Filter, environment), environment);
      case "FilterStatement": {
        const { body, filter } = node as Filter & Block;
        const operand = { type: "Program", body };
        const expression = { type: "FilterExpression", operand, filter } as Filter;
        return super.evaluate(this.#filter(expression, environment), environment);
      }
      case "CallExpression":
        return super.evaluate(this.#call(node as Call, environment), environment);
      case "MemberExpression":
        return this.#member(node as Member, environment);
      default:
        return super.evaluate(node, environment);
    }
  }

  /** In Python a string is a list of its characters. The published templates look for image parts that way. */
  #loop(node: Node & { readonly iterable: Node }, environment: Environment): Node {
    const select = node.iterable.type === "SelectExpression"
      ? node.iterable as Node & { lhs: Node }
      : undefined;
    let items = this.evaluate(select?.lhs ?? node.iterable, environment);
    // A round with an empty body evaluates nothing, and yet it makes a scope.
    this.#charge(lengthOf(items));
    if (typeof items.value === "string") items = charactersOf(items.value);
    const known = new Known(items);
    return { ...node, iterable: select ? { ...select, lhs: known } : known } as Node;
  }

  /** `==`, `~` and `+` turn a list beside a text into text. */
  #binary(
    node: Binary,
    environment: Environment,
  ): Node {
    if (node.operator.value === "and" || node.operator.value === "or") return node;
    const [left, right] = [this.evaluate(node.left, environment), this.evaluate(node.right, environment)];
    if (!node.operator.value.endsWith("in")) {
      this.#chargeContent(left);
      this.#chargeContent(right);
    }
    return { ...node, left: new Known(left), right: new Known(right) } as Node;
  }

  #filter(node: Filter, environment: Environment): Node {
    const { filter } = node;
    const operand = this.evaluate(node.operand, environment);
    const name = String((filter.callee ?? filter).value);
    if (deepNames.has(name)) this.#chargeContent(operand);
    const known = { ...node, operand: new Known(operand) };
    if (!filter.args || !scalingNames.has(name)) return known;
    return {
      ...known,
      filter: { ...filter, args: this.#scalingArguments(operand, filter.args, environment) },
    } as Node;
  }

  #call(node: Call, environment: Environment): Node {
    const { callee } = node;
    if (!callee.object) return node;
    const object = this.evaluate(callee.object, environment);
    if (deepNames.has(String(callee.property?.value))) this.#chargeContent(object);
    const known = { ...node, callee: { ...callee, object: new Known(object) } };
    if (typeof object.value !== "string") return known;
    return { ...known, args: this.#scalingArguments(object, node.args, environment) } as Node;
  }

  /** A method that is kept and called later would get past {@link #call}. No layout needs that. */
  #member(node: Member, environment: Environment): RuntimeValue {
    if (node.object instanceof Known) return super.evaluate(node, environment);
    const object = this.evaluate(node.object, environment);
    const value = super.evaluate({ ...node, object: new Known(object) } as Node, environment);
    const method = value.type === "FunctionValue" &&
      (typeof object.value === "string" || value === object.builtins.get("dictsort"));
    if (method) throw new TemplateRunaway("The template takes a method without calling it");
    return value;
  }

  /** Arguments of something that gives at most `operand * (1 + arguments)` characters, which are paid here. */
  #scalingArguments(
    operand: RuntimeValue,
    args: readonly Argument[],
    environment: Environment,
  ): readonly Argument[] {
    let scale = 1;
    const known = args.map((argument) => {
      const inner = argument.argument ??
        (argument.type === "KeywordArgumentExpression" ? argument.value : undefined);
      const value = this.evaluate((inner ?? argument) as Node, environment);
      scale += this.#sizes.of(value) + largestNumber(value);
      if (!inner) return new Known(value);
      return argument.argument
        ? { ...argument, argument: new Known(value) }
        : { ...argument, value: new Known(value) };
    });
    const size = this.#sizes.of(operand) * scale;
    // What is beyond any text is not even started.
    if (!(size <= maxTextLength * 8)) throw new TemplateRunaway();
    this.#charge(size / sizePerStep);
    return known;
  }

  #chargeContent(value: RuntimeValue): void {
    const size = this.#sizes.of(value);
    if (size > maxTextLength) throw new TemplateRunaway();
    this.#charge(size / sizePerStep);
  }

  #charge(steps: number): void {
    this.#steps -= steps;
    if (!(this.#steps >= 0)) throw new TemplateRunaway();
  }
}

/** The width that an argument may ask for, also inside a list or a mapping that is unpacked into arguments. */
function largestNumber({ value }: RuntimeValue): number {
  const items = Array.isArray(value) || value instanceof Map
    ? value.values() as Iterable<RuntimeValue>
    : [{ value }];
  let largest = 0;
  for (const item of items) if (typeof item.value === "number") largest = Math.max(largest, item.value);
  return largest;
}

function lengthOf({ value }: RuntimeValue): number {
  if (value instanceof Map) return value.size;
  return typeof value === "string" || Array.isArray(value) ? value.length : 0;
}

function charactersOf(text: string): RuntimeValue {
  return new Environment().set("characters", [...text]);
}

function collectPrinted(statements: readonly unknown[], printed: Set<unknown>): void {
  for (const statement of statements as readonly Block[]) {
    printed.add(statement);
    for (const block of [statement.body, statement.alternate, statement.defaultBlock]) {
      if (Array.isArray(block)) collectPrinted(block, printed);
    }
  }
}
