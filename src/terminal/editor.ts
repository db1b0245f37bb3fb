import { type Search, searchKey, showSearch, startSearch } from "./history_search.ts";
import type { Key } from "./keys.ts";
import {
  bufferOf,
  emptyBuffer,
  insert,
  type LineBuffer,
  moveTo,
  places,
  removeTo,
  verticalPlace,
} from "./line_buffer.ts";

/** An input while it is written. Never changed: a key makes a new one. */
export interface EditorState {
  readonly buffer: LineBuffer;
  /** What was removed last by a key that removes more than a character; Ctrl-Y brings it back. */
  readonly killed: string;
  /** Earlier inputs, oldest first. */
  readonly history: readonly string[];
  /** Which of them is shown; `history.length` is the input itself. */
  readonly place: number;
  /** The input itself, while an earlier one is shown. */
  readonly draft: string;
  readonly search?: Search;
  /** Lines under the input, until the next key. */
  readonly below: readonly string[];
}

/** What a key asks of the one who owns the terminal. */
export type EditorAction =
  | "submit"
  /** Ctrl-C on an empty input. */
  | "interrupt"
  /** Ctrl-D on an empty input. */
  | "end"
  | "complete"
  | "open_editor"
  | "clear_screen"
  | "suspend";

export interface EditorStep {
  readonly state: EditorState;
  readonly action?: EditorAction;
}

/**
 * Says what the enter key makes of an input: the input with a new line, if it is not complete, or `undefined`, if it
 * can be submitted.
 */
export type Continue = (text: string) => string | undefined;

export function newEditor(history: readonly string[], buffer: LineBuffer = emptyBuffer): EditorState {
  return { buffer, killed: "", history, place: history.length, draft: "", below: [] };
}

/** What a key does to an input. */
export function pressKey(state: EditorState, key: Key, continued: Continue): EditorStep {
  const fresh = { ...state, below: [] };
  if (state.search) return searchKey(fresh, state.search, key);
  if (key.type !== "named") return { state: { ...fresh, buffer: insert(state.buffer, key.text) } };
  if (key.name === "enter") return enter(fresh, continued);
  const action = actions[key.name];
  if (action) return action(fresh);
  return { state: edits[key.name]?.(fresh) ?? fresh };
}

/** What is shown of an input: the search instead of it, while there is one. */
export function shownBuffer(state: EditorState): { buffer: LineBuffer; prompt?: string } {
  return state.search ? showSearch(state, state.search) : { buffer: state.buffer };
}

/** What a completion gives: the texts that can stand from this place to the cursor. */
export interface Completion {
  readonly from: number;
  readonly candidates: readonly string[];
}

/** Writes what all candidates have in common; where that is no more than is there, lists them. */
export function applyCompletion(state: EditorState, { from, candidates }: Completion): EditorState {
  if (candidates.length === 0) return state;
  const { text, cursor } = state.buffer;
  const common = commonPrefix(candidates);
  const buffer = insert(removeTo(state.buffer, from), common);
  const finished = candidates.length === 1 || common.length > cursor - from;
  if (finished && common.length >= cursor - from) return { ...state, buffer };
  // Behind the last slash or space, as shells list files.
  const short = candidates.map((candidate) => candidate.replace(/^.*[/ ](?=.)/, ""));
  return { ...state, buffer: { text, cursor }, below: [short.join("  ")] };
}

type Step = (state: EditorState) => EditorStep;
type Edit = (state: EditorState) => EditorState;

const actions: Readonly<Record<string, Step>> = {
  "tab": (state) => ({ state, action: "complete" }),
  "ctrl-g": (state) => ({ state, action: "open_editor" }),
  "ctrl-l": (state) => ({ state, action: "clear_screen" }),
  "ctrl-z": (state) => ({ state, action: "suspend" }),
  "ctrl-c": (state) =>
    state.buffer.text === ""
      ? { state, action: "interrupt" }
      : { state: { ...newEditor(state.history), killed: state.killed } },
  "ctrl-d": (state) =>
    state.buffer.text === "" ? { state, action: "end" } : { state: remove("right")(state) },
};

const newLine: Edit = (state) => ({ ...state, buffer: insert(state.buffer, "\n") });

const edits: Readonly<Record<string, Edit>> = {
  "left": move("left"),
  "ctrl-b": move("left"),
  "right": move("right"),
  "ctrl-f": move("right"),
  "home": move("lineStart"),
  "ctrl-a": move("lineStart"),
  "end": move("lineEnd"),
  "ctrl-e": move("lineEnd"),
  "ctrl-home": move("start"),
  "ctrl-end": move("end"),
  "alt-b": move("wordLeft"),
  "alt-left": move("wordLeft"),
  "ctrl-left": move("wordLeft"),
  "alt-f": move("wordRight"),
  "alt-right": move("wordRight"),
  "ctrl-right": move("wordRight"),
  "backspace": remove("left"),
  "shift-backspace": remove("left"),
  "ctrl-h": remove("left"),
  "delete": remove("right"),
  "ctrl-k": killLine,
  "ctrl-u": kill("lineStart"),
  "ctrl-w": kill("spaceLeft"),
  "alt-backspace": kill("wordLeft"),
  "alt-d": kill("wordRight"),
  "ctrl-y": (state) => ({ ...state, buffer: insert(state.buffer, state.killed) }),
  "ctrl-j": newLine,
  "alt-enter": newLine,
  "shift-enter": newLine,
  "ctrl-enter": newLine,
  "up": (state) => goVertically(state, "up"),
  "down": (state) => goVertically(state, "down"),
  "ctrl-p": (state) => recall(state, state.place - 1),
  "ctrl-n": (state) => recall(state, state.place + 1),
  "ctrl-r": (state) => ({ ...state, search: startSearch(state) }),
};

function enter(state: EditorState, continued: Continue): EditorStep {
  const { text, cursor } = state.buffer;
  // In the middle of a text the key means to send it.
  const longer = cursor === text.length ? continued(text) : undefined;
  return longer === undefined
    ? { state, action: "submit" }
    : { state: { ...state, buffer: bufferOf(longer) } };
}

function move(place: keyof typeof places): Edit {
  return (state) => ({ ...state, buffer: moveTo(state.buffer, places[place](state.buffer)) });
}

function remove(place: keyof typeof places): Edit {
  return (state) => ({ ...state, buffer: removeTo(state.buffer, places[place](state.buffer)) });
}

function kill(place: keyof typeof places): Edit {
  return (state) => killTo(state, places[place](state.buffer));
}

/** To the end of the line, and at its end the line feed, so that the key can be held down. */
function killLine(state: EditorState): EditorState {
  const end = places.lineEnd(state.buffer);
  return killTo(state, end === state.buffer.cursor ? places.right(state.buffer) : end);
}

function killTo(state: EditorState, to: number): EditorState {
  const { text, cursor } = state.buffer;
  const killed = text.slice(Math.min(to, cursor), Math.max(to, cursor));
  return { ...state, buffer: removeTo(state.buffer, to), killed: killed === "" ? state.killed : killed };
}

/** Inside an input of several lines to another of them, at its edge through the history. */
function goVertically(state: EditorState, direction: "up" | "down"): EditorState {
  const to = verticalPlace(state.buffer, direction);
  if (to !== undefined) return { ...state, buffer: moveTo(state.buffer, to) };
  return recall(state, state.place + (direction === "up" ? -1 : 1));
}

function recall(state: EditorState, place: number): EditorState {
  const { history } = state;
  if (place < 0 || place > history.length) return state;
  const draft = state.place === history.length ? state.buffer.text : state.draft;
  return { ...state, place, draft, buffer: bufferOf(history[place] ?? draft) };
}

function commonPrefix(texts: readonly string[]): string {
  return texts.reduce((common, text) => {
    let length = 0;
    while (length < common.length && common[length] === text[length]) length++;
    return common.slice(0, length);
  });
}
