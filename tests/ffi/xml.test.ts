import { expect, test } from "bun:test";
import { elements, parseXml, textOf } from "../../tools/xml.ts";

test("parseXml() reads elements, attributes, text and entities", () => {
  const root = parseXml(`<?xml version="1.0"?>
    <!-- <skipped/> -->
    <a x="1 &lt; 2" y='"q"'>one <b/>two&amp;<b z="a>b">three</b></a>`);
  expect(root.attributes).toEqual({ x: "1 < 2", y: '"q"' });
  expect(textOf(root)).toBe("one two&three");
  expect(elements(root, "b").map((node) => node.attributes)).toEqual([{}, { z: "a>b" }]);
});

test("textOf() leaves out comments that are elements", () => {
  expect(textOf(parseXml("<member>int <name>x</name><comment>why</comment></member>"))).toBe("int x");
});

test.each(["<a><b></a></b>", "<a>", "", "</a>"])("parseXml() refuses %p", (text) => {
  expect(() => parseXml(text)).toThrow(SyntaxError);
});
