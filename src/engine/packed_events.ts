import type { EngineEvent } from "./protocol.ts";

/**
 * Events on their way between threads: three numbers for a token without log probabilities, the event itself for any
 * other. Copying an object costs more than all else that a message does, and nearly all events are tokens.
 */
export type PackedEvents = readonly (number | EngineEvent)[];

export function packEvents(events: readonly EngineEvent[]): PackedEvents {
  const packed: (number | EngineEvent)[] = [];
  for (const event of events) {
    if (event.type === "token" && !event.logprob) packed.push(event.id, event.choice, event.token);
    else packed.push(event);
  }
  return packed;
}

export function unpackEvents(packed: PackedEvents): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (let i = 0; i < packed.length; i++) {
    const id = packed[i]!;
    if (typeof id !== "number") events.push(id);
    else events.push({ type: "token", id, choice: packed[++i] as number, token: packed[++i] as number });
  }
  return events;
}
