import type { EngineEvent } from "./protocol.ts";

/**
 * Events on their way between threads: four numbers for a token without log probabilities, the event itself for any
 * other. Copying an object costs more than all else that a message does, and nearly all events are tokens.
 */
export type PackedEvents = readonly (number | EngineEvent)[];

export function packEvents(events: readonly EngineEvent[]): PackedEvents {
  const packed: (number | EngineEvent)[] = [];
  for (const event of events) {
    if (event.type === "token" && !event.logprob) packed.push(event.id, event.choice, event.token, event.at);
    else packed.push(event);
  }
  return packed;
}

export function unpackEvents(packed: PackedEvents): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (let i = 0; i < packed.length; i++) {
    const id = packed[i]!;
    if (typeof id !== "number") events.push(id);
    else {
      const [choice, token, at] = [packed[i + 1], packed[i + 2], packed[i + 3]] as [number, number, number];
      events.push({ type: "token", id, choice, token, at });
      i += 3;
    }
  }
  return events;
}
