import { refuse } from "./constraint.ts";
import { either, nothing, type Rules } from "./rules.ts";

/** Bounds of a number; `undefined`, none. */
export interface Bounds {
  readonly min?: Bound;
  readonly max?: Bound;
}

export interface Bound {
  readonly value: number;
  /** The value itself is not allowed. */
  readonly exclusive: boolean;
}

/** A number without a sign: digits before and after the point, without zeros that say nothing. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
  readonly exclusive: boolean;
}

interface Range {
  readonly low: Decimal;
  readonly high: Decimal | undefined;
}

const digit = "[0-9]";
/** An integer beyond this has no neighbours in a double, and needs no bound. */
const largest = 1e18;
const zero: Decimal = { whole: "0", fraction: "", exclusive: false };

/**
 * JSON numbers within bounds, written without an exponent where there are bounds.
 *
 * @throws {RequestError} If there is none.
 */
export function numberGrammar(isInteger: boolean, bounds: Bounds, rules: Rules): string {
  const { min, max } = clipped(bounds);
  if (!min && !max) return anyNumber(isInteger, rules);
  if (min && max && (min.value > max.value || min.value === max.value && (min.exclusive || max.exclusive))) {
    refuse(`No number is ${bound(min, "above", "at least")} and ${bound(max, "below", "at most")}`);
  }
  const parts: string[] = [];
  if (!min || min.value < 0) {
    const low = max && max.value < 0 ? decimal(max) : { ...zero, exclusive: true };
    const range = { low, high: min && decimal(min) };
    const size = unsigned(isInteger, range, rules);
    if (size !== undefined) parts.push(`"-" ${size}`);
  }
  if (!max || max.value >= 0) {
    const low = min && min.value >= 0 ? decimal(min) : zero;
    const size = unsigned(isInteger, { low, high: max && decimal(max) }, rules);
    if (size !== undefined) parts.push(size);
  }
  if (parts.length === 0) refuse("No whole number is within the bounds");
  return rules.add(parts.join(" | "));
}

function anyNumber(isInteger: boolean, rules: Rules): string {
  const whole = `"-"? ("0" | [1-9] ${rules.repeat(digit, 0, 18)})`;
  if (isInteger) return rules.add(whole);
  const fraction = `("." ${rules.repeat(digit, 1, 18)})?`;
  return rules.add(`${whole} ${fraction} ([eE] [+-]? ${rules.repeat(digit, 1, 2)})?`);
}

function bound({ value, exclusive }: Bound, without: string, within: string): string {
  return `${exclusive ? without : within} ${value}`;
}

/** Without bounds that no number of up to 18 digits reaches. */
function clipped({ min, max }: Bounds): Bounds {
  return {
    min: min && min.value > -largest ? min : undefined,
    max: max && max.value < largest ? max : undefined,
  };
}

function decimal({ value, exclusive }: Bound): Decimal {
  const size = Math.abs(value);
  if (size >= largest) refuse(`A bound of a number must be less than ${largest}, not ${value}`);
  const text = /e/.test(String(size)) ? size.toFixed(20) : String(size);
  const [whole = "0", fraction = ""] = text.split(".");
  return { whole, fraction: fraction.replace(/0+$/, ""), exclusive };
}

/** Numbers of a range, or `undefined` if it has none. */
function unsigned(isInteger: boolean, range: Range, rules: Rules): string | undefined {
  const low = BigInt(range.low.whole);
  const high = range.high && BigInt(range.high.whole);
  if (isInteger) {
    const first = range.low.fraction !== "" || range.low.exclusive ? low + 1n : low;
    if (high === undefined) return atLeast(first, rules);
    const last = range.high!.exclusive && range.high!.fraction === "" ? high - 1n : high;
    return first > last ? undefined : between(first, last, rules);
  }
  const any = `("." ${rules.repeat(digit, 1, 6)})?`;
  if (range.high === undefined) {
    return either([`${quoted(low)} ${fractionFrom(range.low, rules)}`, `${atLeast(low + 1n, rules)} ${any}`]);
  }
  if (low === high) return `${quoted(low)} ${either(fractionBetween(range.low, range.high, rules))}`;
  const parts = [`${quoted(low)} ${fractionFrom(range.low, rules)}`];
  if (low + 1n < high!) parts.push(`${between(low + 1n, high! - 1n, rules)} ${any}`);
  const end = fractionTo(range.high, rules);
  if (end.length > 0) parts.push(`${quoted(high!)} ${either(end)}`);
  return either(parts);
}

function quoted(value: bigint): string {
  return `"${value}"`;
}

/** Whole numbers from `low` on, up to 18 digits. */
function atLeast(low: bigint, rules: Rules): string {
  const length = String(low).length;
  const sameLength = between(low, 10n ** BigInt(length) - 1n, rules);
  return length >= 18 ? sameLength : either([sameLength, `[1-9] ${rules.repeat(digit, length, 17)}`]);
}

/** Whole numbers from `low` to `high`. */
function between(low: bigint, high: bigint, rules: Rules): string {
  const parts: string[] = [];
  for (let from = low; from <= high;) {
    const length = String(from).length;
    const end = 10n ** BigInt(length) - 1n;
    const to = end < high ? end : high;
    parts.push(digitsBetween(String(from), String(to), rules));
    from = to + 1n;
  }
  return either(parts);
}

/** Numbers of as many digits as both ends have. */
function digitsBetween(low: string, high: string, rules: Rules): string {
  if (low === "") return nothing;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return rules.repeat(digit, low.length, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const rest = low.length - 1;
  if (first === last) return `"${first}" ${digitsBetween(low.slice(1), high.slice(1), rules)}`;
  const parts = [`"${first}" ${digitsBetween(low.slice(1), "9".repeat(rest), rules)}`];
  if (first + 1 < last) parts.push(`[${first + 1}-${last - 1}] ${rules.repeat(digit, rest, rest)}`);
  parts.push(`"${last}" ${digitsBetween("0".repeat(rest), high.slice(1), rules)}`);
  return rules.add(parts.join(" | "));
}

/** Fractions, point included, that are at least the bound's. */
function fractionFrom({ fraction, exclusive }: Decimal, rules: Rules): string {
  if (fraction !== "") return `"." ${digitsFrom(fraction, exclusive, rules)}`;
  const any = rules.repeat(digit, 0, 5);
  return exclusive ? `"." ${rules.repeat('"0"', 0, 5)} [1-9] ${any}` : `("." ${digit} ${any})?`;
}

function digitsFrom(low: string, exclusive: boolean, rules: Rules): string {
  const any = rules.repeat(digit, 0, 6);
  if (low === "") return exclusive ? `${rules.repeat('"0"', 0, 5)} [1-9] ${any}` : any;
  const first = Number(low[0]);
  const parts = [`"${first}" ${digitsFrom(low.slice(1), exclusive, rules)}`];
  if (first < 9) parts.push(`[${first + 1}-9] ${any}`);
  return either(parts);
}

/** Fractions, point included, that are at most the bound's; none at all, if that is below what has no fraction. */
function fractionTo({ fraction, exclusive }: Decimal, rules: Rules): string[] {
  if (fraction === "") return exclusive ? [] : [`("." ${rules.repeat('"0"', 1, 3)})?`];
  return [nothing, `"." ${either(digitsTo(fraction, exclusive, rules))}`];
}

function digitsTo(high: string, exclusive: boolean, rules: Rules): string[] {
  const first = Number(high[0]);
  const parts = first > 0 ? [`[0-${first - 1}] ${rules.repeat(digit, 0, 6)}`] : [];
  if (high.length > 1) {
    parts.push(`"${first}" ${either([nothing, ...digitsTo(high.slice(1), exclusive, rules)])}`);
  } else if (!exclusive) {
    parts.push(`"${first}"`);
  }
  return parts;
}

/** Fractions between two that follow the same whole number. */
function fractionBetween(low: Decimal, high: Decimal, rules: Rules): string[] {
  const length = Math.max(low.fraction.length, high.fraction.length);
  const from = low.fraction.padEnd(length, "0");
  const to = high.fraction.padEnd(length, "0");
  const parts = low.fraction === "" && !low.exclusive ? [nothing] : [];
  if (length === 0) return parts;
  const digits = digitsWithin(from, to, low.exclusive, high.exclusive, rules);
  return digits.length === 0 ? parts : [...parts, `"." ${either(digits)}`];
}

function digitsWithin(
  low: string,
  high: string,
  lowExclusive: boolean,
  highExclusive: boolean,
  rules: Rules,
): string[] {
  if (low === "") return lowExclusive || highExclusive ? [] : [nothing];
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) {
    const rest = digitsWithin(lowRest, highRest, lowExclusive, highExclusive, rules);
    return rest.length === 0 ? [] : [`"${first}" ${either(rest)}`];
  }
  const parts = [`"${first}" ${digitsFrom(lowRest.replace(/0+$/, ""), lowExclusive, rules)}`];
  if (first + 1 < last) parts.push(`[${first + 1}-${last - 1}] ${rules.repeat(digit, 0, 6)}`);
  const rest = highRest.replace(/0+$/, "");
  if (rest !== "") parts.push(`"${last}" ${either([nothing, ...digitsTo(rest, highExclusive, rules)])}`);
  else if (!highExclusive) parts.push(`"${last}"`);
  return parts;
}
