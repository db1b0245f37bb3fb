import { describe, expect, test } from "bun:test";
import process from "node:process";
import { JinjaTemplate, TemplateRefusal } from "../../src/chat/jinja.ts";
import { strftime } from "../../src/chat/strftime.ts";
import { TemplateRunaway } from "../../src/chat/template_runaway.ts";

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

describe("JinjaTemplate.render() stops (T07)", () => {
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
    [
      "loops without bodies",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    ],
    ...[
      "{{ n.x | tojson }}",
      "{{ n.x | string }}",
      "{{ n.x | join }}",
      "{{ n.x }}",
      "{{ n.x == 'a' }}",
      "{{ n.x ~ '' }}",
    ]
      .map((use): [string, string] => [
        `a list that holds itself twice, in ${use}`,
        `{% set n = namespace(x=['a']) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}${use}`,
      ]),
    [
      "a namespace that holds itself",
      "{% set n = namespace() %}{% set n.x = n %}{% set n.y = n %}{{ n | tojson }}",
    ],
    ["a wide indent", "{{ 'a\\nb' | indent(2000000000) }}"],
    ["a wide indent, unpacked", "{{ 'a\\nb' | indent(*[2000000000]) }}"],
    ["a wide indent of a block", "{% filter indent(width=2000000000) %}a\nb{% endfilter %}"],
    ["a wide indent of JSON", "{{ [1] | tojson(**{'indent': 2000000000}) }}"],
    ["a long separator", "{{ range(9999) | join(range(9999) | join) }}"],
    ["a long replacement", "{% set t = range(9999) | join %}{{ t.replace('', t) }}"],
    [
      "a long replacement by a kept method",
      "{% set t = range(9999) | join %}{% set r = t.replace %}{{ r('', t) }}",
    ],
    ["a long text to loop over", "{% for c in range(999999) | join %}{% endfor %}"],
  ];
  for (const [what, source] of runaways) {
    test(what, () => {
      // What bounds a rendering is its steps, half a second's worth of them. The processor's time is looked at, of which
      // other programs take none; half of the bound is for compilers and collectors that run beside.
      const begin = process.threadCpuUsage();
      expect(() => render(source)).toThrow(TemplateRunaway);
      const { user, system } = process.threadCpuUsage(begin);
      expect((user + system) / 1000).toBeLessThan(2000);
    });
  }

  test("a macro that calls itself", () => {
    expect(() => render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")).toThrow();
    expect(render(`{{ ${deep} | length }}`)).toBe("1");
  });
});

test("JinjaTemplate.render() pays for what is printed, and prints it as before", () => {
  const source = "{% for k, v in o.items() %}{{ k ~ v }},{% endfor %} " +
    "{{ o | tojson(indent=2) }} {{ 'a-b'.replace('-', '+') }} {{ o.l | join('/') }} {{ 'a\nb' | indent(2) }} " +
    "{% filter upper %}x{% endfilter %} {{ o['items'] is defined }} {{ [1] + [2] }}";
  expect(render(source, { o: { s: "é", l: [1, "b"] } })).toBe(
    'sé,l1,b, {\n  "s": "é",\n  "l": [\n    1,\n    "b"\n  ]\n} a+b 1/b a\n  b X true [1, 2]',
  );
});

test("JinjaTemplate.render() has no way to code (T07)", () => {
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
