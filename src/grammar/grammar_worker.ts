/**
 * Compiles grammars and makes masks beside the main thread. What a grammar costs cannot be known before: whoever
 * started this thread ends it where it takes too long.
 */
import { RequestError } from "../base/errors.ts";
import { CompiledGrammars } from "./compiled_grammars.ts";
import { grammarText } from "./grammar_text.ts";
import type { ConstraintText, MatcherAnswer, MatcherCall } from "./matcher_protocol.ts";

declare const self: Worker;

/** What the compiler has said; it throws nothing but that it has ended. */
let said: string[] = [];
// Before the compiler is there, which keeps the functions it finds.
for (const level of ["log", "warn", "error"] as const) {
  console[level] = (...words: unknown[]) => {
    if (said.length < 16) said.push(words.join(" "));
  };
}

let grammars: CompiledGrammars | undefined;
let turn: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<MatcherCall>) => {
  turn = turn.then(async () => {
    const answer = await answerTo(data).catch((error): MatcherAnswer => ({ failure: String(error) }));
    self.postMessage(answer, answer.mask ? [answer.mask.buffer as ArrayBuffer] : []);
  });
};

async function answerTo(call: MatcherCall): Promise<MatcherAnswer> {
  switch (call.type) {
    case "vocabulary":
      grammars = await CompiledGrammars.create(call.vocabulary);
      return {};
    case "compile":
      return await compile(call.constraint);
    case "open":
      // Others that were matched here meanwhile may have taken its place.
      if (!grammars!.has(call.constraint)) {
        await grammars!.compile(call.constraint, grammarText(JSON.parse(call.constraint)));
      }
      await grammars!.open(call.matcher, call.constraint, call.end);
      return {};
    case "follow":
      grammars!.follow(call.matcher, call.tokens);
      return {};
    case "mask":
      return { mask: await grammars!.mask(call.matcher, call.tokens) };
    case "close":
      grammars!.close(call.matcher);
      return {};
  }
}

async function compile(constraint: ConstraintText): Promise<MatcherAnswer> {
  let grammar: string;
  try {
    grammar = grammarText(JSON.parse(constraint));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return { wrong: { message: error.message, details: error.details } };
  }
  said = [];
  try {
    await grammars!.compile(constraint, grammar);
    return {};
  } catch (error) {
    // The reason stands behind the place in the compiler's source.
    const reasons = said.flatMap((line) => /\[FATAL\] \S+:\d+: ([^\n]*)/.exec(line)?.[1] ?? []);
    return { refusal: reasons[0] ?? (said.length > 0 || !(error instanceof Error) ? "" : error.message) };
  }
}
