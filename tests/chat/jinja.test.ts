import { describe, expect, test } from "bun:test";
import { JinjaTemplate, TemplateRefusal, TemplateRunaway } from "../../src/chat/jinja.ts";
import { strftime } from "../../src/chat/strftime.ts";

const render = (source: string, variables: Record<string, unknown> = {}) =>
  new JinjaTemplate(source).render(variables);

test("JinjaTemplate.render() goes through the characters of a text, as Python does", () => {
  expect(render("{% for c in text %}{{ c.type is defined }}{{ c }},{% endfor %}", { text: "aé😀" }))
    .toBe("falsea,falseé,false😀,");
  expect(render("{% for c in text if c != 'b' %}{{ c }}{% else %}none{% endfor %}", { text: "abc" })).toBe(
    "ac",
  );
  expect(render("{% for c in text %}{{ c }}{% else %}none{% endfor %}", { text: "" })).toBe("none");
});

test("JinjaTemplate.render() trims blocks and prints JSON like Python", () => {
  expect(render("  {% if true %}\na\n  {% endif %}\nb")).toBe("a\nb");
  expect(render("{{ v | tojson }}", { v: { b: [1, 2.5, null, true], a: "<é>" } }))
    .toBe('{"b": [1, 2.5, null, true], "a": "<é>"}');
});

test("JinjaTemplate.render() throws what raise_exception says", () => {
  expect(() => render("{{ raise_exception('not this way') }}")).toThrow(TemplateRefusal);
  expect(() => render("{{ raise_exception('not this way') }}")).toThrow("not this way");
});

test("JinjaTemplate.render() offers Python's range", () => {
  expect(
    render("{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %}"),
  )
    .toBe("012 531");
});

test("new JinjaTemplate() throws on a source that does not parse", () => {
  for (const source of ["{% if %}", "{{ a", "{% endfor %}"]) {
    expect(() => new JinjaTemplate(source)).toThrow();
  }
});

describe("JinjaTemplate.render() stops", () => {
  const deep = "[".repeat(50) + "]".repeat(50);
  const runaways: [string, string][] = [
    ["nested loops", `{% for a in range(9999) %}${"{% for b in range(9999) %}x{% endfor %}"}{% endfor %}`],
    ["a range without end", "{% for a in range(1000000000000) %}{% endfor %}"],
    ["a range without a step", "{% for a in range(0, 5, 0) %}{% endfor %}"],
    [
      "a text that doubles",
      "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    ],
    [
      "a list that doubles",
      "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    ],
    [
      "work on a long text",
      "{% set n = namespace(x='ab') %}{% for i in range(20) %}{% set n.x = n.x + n.x %}{% endfor %}" +
      "{% for i in range(99999) %}{% set y = n.x | upper %}{% endfor %}",
    ],
  ];
  for (const [what, source] of runaways) {
    test(what, () => {
      const begin = performance.now();
      expect(() => render(source)).toThrow(TemplateRunaway);
      // It takes a tenth of that; a busy machine may be slower.
      expect(performance.now() - begin).toBeLessThan(10_000);
    });
  }

  test("a macro that calls itself", () => {
    expect(() => render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")).toThrow();
    expect(render(`{{ ${deep} | length }}`)).toBe("1");
  });
});

test("JinjaTemplate.render() has no way to code", () => {
  for (
    const path of [
      ...[
        "''.__class__",
        "''.constructor",
        "[].constructor.constructor",
        "range.constructor",
        "messages.__proto__",
      ],
      ...[
        "raise_exception.constructor('return 1')()",
        "namespace.__init__.__globals__",
        "strftime_now.prototype",
      ],
    ]
  ) {
    let text = "";
    try {
      text = render(`{{ ${path} }}`, { messages: {} });
    } catch {
      continue;
    }
    expect(text).toBe("");
  }
});

test("strftime() prints what the C locale prints", () => {
  const date = new Date(2024, 6, 6, 15, 4, 9);
  expect(strftime("%d %b %Y", date)).toBe("06 Jul 2024");
  expect(strftime("%A %a %B %-d %m %y %H:%M:%S %I %p 100%%", date)).toBe(
    "Saturday Sat July 6 07 24 15:04:09 03 PM 100%",
  );
  expect(strftime("%I %p", new Date(2024, 0, 1, 0))).toBe("12 AM");
  expect(() => strftime("%Q", date)).toThrow(RangeError);
  expect(() => strftime("%", date)).toThrow(RangeError);
});
