import {
  type CompiledGrammar,
  Grammar,
  GrammarCompiler,
  GrammarMatcher,
  TokenizerInfo,
} from "@mlc-ai/web-xgrammar";
import { assert } from "../base/assert.ts";
import { Lru } from "../base/lru.ts";
import { type EndOptions, keptGrammars } from "./matcher_protocol.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** An answer in the making. */
interface Matching {
  readonly matcher: GrammarMatcher;
  readonly end: EndOptions;
  tokens: number;
}

/** Compiles grammars for one vocabulary and follows answers through them. An error leaves it of no use. */
export class CompiledGrammars {
  readonly #compiler: GrammarCompiler;
  readonly #vocabulary: Vocabulary;
  readonly #compiled = new Lru<CompiledGrammar>(keptGrammars, (grammar) => grammar.dispose());
  readonly #matching = new Map<number, Matching>();

  private constructor(compiler: GrammarCompiler, vocabulary: Vocabulary) {
    this.#compiler = compiler;
    this.#vocabulary = vocabulary;
  }

  static async create(vocabulary: Vocabulary): Promise<CompiledGrammars> {
    const { spellings, size, endId } = vocabulary;
    const tokens = spellings.split(" ").slice(0, size);
    const info = await TokenizerInfo.createTokenizerInfo(tokens, "byte_level", false, size, [endId]);
    return new CompiledGrammars(await GrammarCompiler.createGrammarCompiler(info, false), vocabulary);
  }

  /**
   * @param name by which the grammar is opened; one that was kept is not compiled again
   * @throws {Error} If the grammar is malformed, or matches no text.
   */
  async compile(name: string, grammar: string): Promise<void> {
    if (this.has(name)) return;
    const parsed = await Grammar.fromEBNF(grammar); // given as a text, it would never be freed
    const compiled = await this.#compiler.compileGrammar(parsed);
    parsed.dispose();
    const matcher = await GrammarMatcher.createGrammarMatcher(compiled);
    const first = await matcher.getNextTokenBitmask();
    matcher.dispose();
    if (first.every((word) => word === 0)) throw new Error("it matches no text");
    this.#compiled.set(name, compiled);
  }

  /** Whether a grammar is still compiled. */
  has(name: string): boolean {
    return this.#compiled.get(name) !== undefined;
  }

  async open(id: number, name: string, end: EndOptions): Promise<void> {
    const compiled = this.#compiled.get(name);
    assert(compiled, "a grammar is compiled before it is matched");
    this.#matching.set(id, { matcher: await GrammarMatcher.createGrammarMatcher(compiled), end, tokens: 0 });
  }

  /** @throws {Error} If one of `tokens` was not allowed in its place. */
  follow(id: number, tokens: readonly number[]): Matching {
    const matching = this.#matching.get(id);
    assert(matching, "a matcher is opened before it is asked");
    for (const token of tokens) {
      if (!matching.matcher.acceptToken(token)) throw new Error(`token ${token} was not allowed`);
    }
    matching.tokens += tokens.length;
    return matching;
  }

  /**
   * The tokens that may follow: a bit set over the vocabulary, lowest bit first.
   *
   * @throws {Error} If one of `tokens` was not allowed in its place.
   */
  async mask(id: number, tokens: readonly number[]): Promise<Uint32Array> {
    const matching = this.follow(id, tokens);
    const signed = await matching.matcher.getNextTokenBitmask();
    const mask = new Uint32Array(signed.buffer, signed.byteOffset, signed.length);
    this.#placeEnd(mask, matching);
    return mask;
  }

  close(id: number): void {
    this.#matching.get(id)?.matcher.dispose();
    this.#matching.delete(id);
  }

  /** The stop ids in the place of the one that the compiler knows. */
  #placeEnd(mask: Uint32Array, { end: { stopIds, minTokens }, tokens }: Matching): void {
    const { endId, size } = this.#vocabulary;
    const mayEnd = hasBit(mask, endId);
    for (const id of [endId, ...stopIds]) setBit(mask, id, false);
    if (!mayEnd || (tokens < minTokens && mask.some((word) => word !== 0))) return;
    for (const id of stopIds) if (id < size) setBit(mask, id, true);
  }
}

function hasBit(mask: Uint32Array, bit: number): boolean {
  return (mask[bit >>> 5]! >>> (bit & 31) & 1) === 1;
}

/** Bits that the mask does not have are left alone. */
function setBit(mask: Uint32Array, bit: number, value: boolean): void {
  const word = mask[bit >>> 5];
  if (word === undefined) return;
  mask[bit >>> 5] = value ? word | 1 << (bit & 31) : word & ~(1 << (bit & 31));
}
