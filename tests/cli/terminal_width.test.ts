/** What the program says at a terminal breaks between words; what programs read does not. */
import { expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { formatTable } from "../../src/cli/table.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { Sink } from "./support.ts";

/** A terminal of 20 columns at which somebody has pressed enter. */
function narrowTerminal() {
  const stderr = Object.assign(new Sink(true), { columns: 20 });
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  stdin.end("\n");
  return { stderr, terminal: new Terminal({ stdin, stdout: new Sink(), stderr }) };
}

test("Terminal.note() and Terminal.ask() break between words, and noteWhole() nowhere", async () => {
  const { stderr, terminal } = narrowTerminal();
  terminal.note("a remark that is longer than a row\nshort", (row) => `<${row}>`);
  terminal.noteWhole('{"message":"one object on one line"}');
  await terminal.ask("Fetch what is missing from the hub? [y/N] ");
  expect(stderr.text).toBe(
    "<a remark that is>\n<longer than a row>\n<short>\n" +
      '{"message":"one object on one line"}\n' +
      "Fetch what is\nmissing from the\nhub? [y/N] ",
  );
});

test("Terminal.note() leaves lines whole where no terminal is", () => {
  const stderr = new Sink();
  new Terminal({ stdin: new PassThrough(), stdout: new Sink(), stderr }).note("a remark ".repeat(40));
  expect(stderr.text.split("\n").length).toBe(2);
});

test("formatTable() wraps what follows the first of few columns, and lists the cells of many", () => {
  const few = [["SETTING", "FROM", "VALUE"], ["temp", "default", "as the model says"]];
  expect(formatTable(few)).toBe("SETTING  FROM     VALUE\ntemp     default  as the model says\n");
  expect(formatTable(few, 28)).toBe(
    "SETTING  FROM     VALUE\ntemp     default  as the\n         model says\n",
  );
  const many = [["DEVICE", "NAME", "TYPE", "STATE"], ["0", "a graphics card", "discrete", "ready"]];
  expect(formatTable(many, 40)).toBe(formatTable(many));
  expect(formatTable(many, 20)).toBe(
    "DEVICE  0\nNAME    a graphics\n        card\nTYPE    discrete\nSTATE   ready\n",
  );
  expect(formatTable([...many, many[1]!], 20).split("\n\n").length).toBe(2);
});
