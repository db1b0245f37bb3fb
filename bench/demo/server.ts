/** What the program under judgement is asked: like by any client, over HTTP. */

/** A message as the OpenAI API wants it. */
export type Message =
  | { readonly role: "system" | "assistant"; readonly content: string }
  | { readonly role: "user"; readonly content: readonly Part[] };
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

/** More than the longest right answer, a description of eight things. */
const maxTokens = 256;

/** An answer, how many tokens it took, the end of the turn included, and the texts of those before it. */
export interface Reply {
  readonly text: string;
  readonly tokenCount: number;
  readonly tokens: readonly string[];
}

/** The most likely answer to a conversation whose last message is the user's. */
export async function ask(url: string, messages: readonly Message[]): Promise<Reply> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages,
      temperature: 0,
      max_tokens: maxTokens,
      logprobs: true,
    }),
    signal: AbortSignal.timeout(600_000),
  });
  const body = await response.json() as {
    choices?: { message: { content: string }; logprobs: { content: { token: string }[] } }[];
    usage?: { completion_tokens: number };
  };
  const choice = body.choices?.[0];
  if (!response.ok || choice === undefined || !body.usage) {
    throw new Error(`The server answered ${response.status}: ${JSON.stringify(body)}`);
  }
  const tokens = choice.logprobs.content.map(({ token }) => token);
  return { text: choice.message.content, tokenCount: body.usage.completion_tokens, tokens };
}
