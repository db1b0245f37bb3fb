/** What is asked of the server: token ids in, so many tokens out, whatever they mean. */
export interface Asked {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Whose turn it takes: the caller's, and within the caller a user's. */
  readonly key?: string;
  readonly user?: string;
}

/**
 * Asks for a stream and reads it to its end.
 *
 * @returns milliseconds from the question to the last byte
 * @throws {Error} If it is refused, or has another number of tokens.
 */
export async function readCompletion(url: string, { prompt, maxTokens, key, user }: Asked): Promise<number> {
  const begin = performance.now();
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...key === undefined ? {} : { authorization: `Bearer ${key}` },
    },
    body: JSON.stringify({
      model: "default",
      prompt,
      user,
      max_tokens: maxTokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  // Decoded as a whole and at the end: reading must not take the time of what it measures.
  const text = await response.text();
  const tokens = Number(/"completion_tokens":(\d+)(?!.*"completion_tokens")/s.exec(text.slice(-2000))?.[1]);
  if (!response.ok || tokens !== maxTokens || !text.endsWith("data: [DONE]\n\n")) {
    throw new Error(
      `Wanted ${maxTokens} tokens, have ${tokens} with status ${response.status}: ${text.slice(-500)}`,
    );
  }
  return performance.now() - begin;
}
