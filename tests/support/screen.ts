/** What a terminal shows: a small model of xterm and its kin, of the sequences that the program may use and no more. */

interface Line {
  /** One entry a column; the second column of a wide character is empty text. */
  cells: string[];
  /** The terminal broke the line here: a wider one would not. */
  isBroken: boolean;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u;
const joining = /^[\p{M}\u200d\ufe0f]/u;
// deno-lint-ignore no-control-regex -- control sequences are what this is about
const control = /^\x1b\[([<=>?]?)([0-9;]*)([@-~])/;
// deno-lint-ignore no-control-regex -- see above
const string = /^\x1b([\]_P])([^\x07\x1b]*)(?:\x07|\x1b\\)/;
// deno-lint-ignore no-control-regex -- see above
const unfinished = /^\x1b(?:\[[<=>?]?[0-9;]*|[\]_P][^\x07\x1b]*\x1b?)?$/;

export class Screen {
  /** Modes that are set, such as `?2004`. */
  readonly modes = new Set<string>();
  /** Payloads of OSC, APC and DCS sequences, with the character that says which. */
  readonly strings: string[] = [];
  /** Sequences that this model does not know, which the program should not have written. */
  readonly unknown: string[] = [];
  /** Everything above the screen, and the screen. */
  #lines: Line[] = [];
  /** First line of the screen. */
  #top = 0;
  #row = 0;
  #column = 0;
  #pending = "";

  constructor(public columns = 80, public rows = 24) {}

  /** The rows of the screen, without space at their ends and without empty rows at its end. */
  get text(): string[] {
    return this.#textOf(this.#top);
  }

  /** The same, with what has left the screen above it. */
  get everything(): string[] {
    return this.#textOf(0);
  }

  /** Of the screen, from 0. */
  get cursor(): { row: number; column: number } {
    return { row: this.#row - this.#top, column: Math.min(this.#column, this.columns - 1) };
  }

  write(text: string): void {
    this.#pending += text;
    while (this.#pending !== "" && !unfinished.test(this.#pending)) {
      const length = this.#pending[0] === "\x1b" ? this.#sequence(this.#pending) : this.#plain(this.#pending);
      this.#pending = this.#pending.slice(length);
    }
  }

  /** As terminals do that keep their lines whole: those that the terminal broke are broken anew. */
  resize(columns: number, rows: number): void {
    const whole: Line[] = [];
    let cursor = { line: 0, column: 0 };
    let isOpen = false;
    this.#lineAt(this.#row);
    for (const [index, line] of this.#lines.entries()) {
      if (!isOpen) whole.push({ cells: [], isBroken: false });
      const last = whole.at(-1)!;
      if (index === this.#row) cursor = { line: whole.length - 1, column: last.cells.length + this.#column };
      last.cells.push(...line.cells);
      isOpen = line.isBroken;
    }
    this.#lines = [];
    for (const [index, { cells }] of whole.entries()) {
      if (index === cursor.line) {
        this.#row = this.#lines.length + Math.floor(cursor.column / columns);
        this.#column = cursor.column % columns;
      }
      for (let from = 0; from === 0 || from < cells.length; from += columns) {
        this.#lines.push({
          cells: cells.slice(from, from + columns),
          isBroken: from + columns < cells.length,
        });
      }
    }
    this.columns = columns;
    this.rows = rows;
    this.#top = Math.max(0, Math.min(this.#top, this.#lines.length - 1), this.#row - rows + 1);
  }

  #textOf(from: number): string[] {
    const rows = this.#lines.slice(from).map(({ cells }) => cells.join("").trimEnd());
    return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1);
  }

  #lineAt(index: number): Line {
    while (this.#lines.length <= index) this.#lines.push({ cells: [], isBroken: false });
    return this.#lines[index]!;
  }

  #plain(text: string): number {
    const code = text.codePointAt(0)!;
    const character = String.fromCodePoint(code);
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#lineFeed();
    else if (character === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (code < 32 || (code >= 127 && code < 160)) {
      if (character !== "\x07") this.unknown.push(JSON.stringify(character));
    } else this.#put(character);
    return character.length;
  }

  #put(character: string): void {
    const before = this.#lineAt(this.#row).cells;
    const last = before[this.#column - 1] === "" ? this.#column - 2 : this.#column - 1;
    if (joining.test(character) || before[last]?.endsWith("\u200d")) {
      if (before[last] !== undefined) before[last] += character;
      return;
    }
    const width = wide.test(character) ? 2 : 1;
    if (this.#column + width > this.columns) {
      this.#lineAt(this.#row).isBroken = true;
      this.#lineFeed();
      this.#column = 0;
    }
    const { cells } = this.#lineAt(this.#row);
    while (cells.length < this.#column) cells.push(" ");
    cells.splice(this.#column, width, character, ...width === 2 ? [""] : []);
    this.#column += width;
  }

  #lineFeed(): void {
    this.#row++;
    this.#lineAt(this.#row);
    this.#top = Math.max(this.#top, this.#row - this.rows + 1);
  }

  #sequence(text: string): number {
    const found = string.exec(text);
    if (found) {
      this.strings.push(found[1]! + found[2]!);
      return found[0].length;
    }
    const [whole, prefix, parameters, final] = control.exec(text) ?? [];
    if (whole === undefined) {
      this.unknown.push(JSON.stringify(text.slice(0, 2)));
      return Math.min(2, text.length);
    }
    const values = parameters!.split(";").map(Number);
    if (prefix !== "" || !this.#act(final!, values[0]!, values[1] ?? 0)) {
      this.#mode(whole, prefix!, parameters!, final!);
    }
    return whole.length;
  }

  #act(final: string, first: number, second: number): boolean {
    const count = Math.max(1, first);
    switch (final) {
      case "A":
        this.#row = Math.max(this.#top, this.#row - count);
        return true;
      case "B":
        this.#row = Math.min(this.#top + this.rows - 1, this.#row + count);
        return true;
      case "C":
        this.#column = Math.min(this.columns - 1, this.#column + count);
        return true;
      case "H":
        this.#row = this.#top + count - 1;
        this.#column = Math.max(1, second) - 1;
        return true;
      case "J":
        this.#erase(first);
        return true;
      case "K":
        this.#lineAt(this.#row).cells.length = first === 2
          ? 0
          : Math.min(this.#column, this.#lineAt(this.#row).cells.length);
        return true;
      case "m":
        return true;
    }
    return false;
  }

  #erase(how: number): void {
    const from = how === 2 ? this.#top : this.#row;
    const kept = how === 2 ? 0 : this.#column;
    const line = this.#lineAt(from);
    line.cells.length = Math.min(kept, line.cells.length);
    line.isBroken = false;
    this.#lines.length = from + 1;
  }

  #mode(whole: string, prefix: string, parameters: string, final: string): void {
    if (prefix === "?" && final === "h") this.modes.add(`?${parameters}`);
    else if (prefix === "?" && final === "l") this.modes.delete(`?${parameters}`);
    else if (prefix === ">" && final === "u") this.modes.add("kitty");
    else if (prefix === "<" && final === "u") this.modes.delete("kitty");
    else this.unknown.push(JSON.stringify(whole));
  }
}
