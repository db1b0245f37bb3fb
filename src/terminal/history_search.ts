import { escapeLine } from "../base/escape.ts";
import type { EditorState, EditorStep } from "./editor.ts";
import { previousBoundary } from "./graphemes.ts";
import type { Key } from "./keys.ts";
import { bufferOf, type LineBuffer } from "./line_buffer.ts";

/** Ctrl-R: looks for an earlier input that holds a text. */
export interface Search {
  readonly query: string;
  /** Index of the input that was found; `undefined`, if none holds the text. */
  readonly found: number | undefined;
}

export function startSearch({ history }: EditorState): Search {
  return { query: "", found: history.length > 0 ? history.length - 1 : undefined };
}

/** What a key does while something is looked for: one that means nothing here takes what was found. */
export function searchKey(state: EditorState, search: Search, key: Key): EditorStep {
  const { query, found } = search;
  const { history } = state;
  const next = (wanted: Search): EditorStep => ({ state: { ...state, search: wanted } });
  if (key.type !== "named") {
    const longer = query + key.text.replaceAll("\n", " ");
    return next({ query: longer, found: findOlder(history, longer, history.length) });
  }
  switch (key.name) {
    case "ctrl-r":
      return next({ query, found: findOlder(history, query, found ?? history.length) ?? found });
    case "ctrl-s":
      return next({ query, found: findNewer(history, query, found ?? 0) ?? found });
    case "backspace":
    case "ctrl-h": {
      const shorter = query.slice(0, previousBoundary(query, query.length));
      return next({ query: shorter, found: findOlder(history, shorter, history.length) });
    }
    case "ctrl-c":
    case "ctrl-g":
    case "escape":
      return { state: { ...state, search: undefined } };
  }
  if (found === undefined) return { state: { ...state, search: undefined } };
  const chosen: EditorState = {
    ...state,
    search: undefined,
    place: found,
    buffer: bufferOf(history[found]!),
  };
  return key.name === "enter" ? { state: chosen, action: "submit" } : { state: chosen };
}

/** The search as an input: what was found, with the cursor where it holds the text. */
export function showSearch(
  { history }: EditorState,
  { query, found }: Search,
): { buffer: LineBuffer; prompt: string } {
  const text = found === undefined ? "" : history[found]!;
  const label = found === undefined ? "no earlier input has" : "search";
  return {
    buffer: { text, cursor: Math.max(0, text.indexOf(query)) },
    prompt: `(${label} '${escapeLine(query)}') `,
  };
}

function findOlder(history: readonly string[], query: string, before: number): number | undefined {
  for (let index = before - 1; index >= 0; index--) if (history[index]!.includes(query)) return index;
  return undefined;
}

function findNewer(history: readonly string[], query: string, after: number): number | undefined {
  for (let index = after + 1; index < history.length; index++) {
    if (history[index]!.includes(query)) return index;
  }
  return undefined;
}
