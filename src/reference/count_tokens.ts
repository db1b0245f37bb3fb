/** How often each token was generated, plus 2^31 where the prompt has it. */
export function countTokens(
  tokens: readonly number[],
  promptLength: number,
  vocabSize: number,
): Float64Array {
  const counts = new Float64Array(vocabSize);
  const known = (token: number) => token < vocabSize;
  for (const token of tokens.slice(promptLength).filter(known)) counts[token]!++;
  for (const token of new Set(tokens.slice(0, promptLength).filter(known))) counts[token]! += 2 ** 31;
  return counts;
}
