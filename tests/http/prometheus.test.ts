import { expect, test } from "bun:test";
import { Exposition } from "../../src/http/prometheus.ts";
import { parseExposition } from "../support/exposition.ts";

test("Exposition writes what a strict scraper reads back, whatever stands in labels and help", () => {
  const out = new Exposition({ model_name: 'a"b\\c\nd' });
  out.counter("a_total", "One\nline \\ only", [3, { route: "/v1/x" }], [0, { route: "" }]);
  out.gauge("b", "Half", [0.5]);
  out.gauge("none", "Without samples");
  const metrics = parseExposition(out.text());
  expect([...metrics.keys()]).toEqual(["a_total", "b", "none"]);
  expect(metrics.get("a_total")).toEqual({
    type: "counter",
    help: "One\\nline \\\\ only",
    samples: [
      { name: "a_total", labels: { model_name: 'a"b\\c\nd', route: "/v1/x" }, value: 3 },
      { name: "a_total", labels: { model_name: 'a"b\\c\nd', route: "" }, value: 0 },
    ],
  });
  expect(metrics.get("b")!.samples[0]!.value).toBe(0.5);
});

test("Exposition.histogram() adds up the buckets and scales bounds and sum", () => {
  const out = new Exposition();
  out.histogram("wait_seconds", "Wait", { bounds: [0.1, 1, 10], counts: [1, 0, 2, 4], sum: 700 }, 1e-3);
  expect(out.text().split("\n").filter((line) => !line.startsWith("#"))).toEqual([
    'wait_seconds_bucket{le="0.0001"} 1',
    'wait_seconds_bucket{le="0.001"} 1',
    'wait_seconds_bucket{le="0.01"} 3',
    'wait_seconds_bucket{le="+Inf"} 7',
    "wait_seconds_sum 0.7",
    "wait_seconds_count 7",
    "",
  ]);
  parseExposition(out.text());
});

test("the scraper of these tests refuses what is no exposition", () => {
  const head = "# HELP a_total A\n# TYPE a_total counter\n";
  const histogram = (...lines: string[]) =>
    ["# HELP h H", "# TYPE h histogram", ...lines.map((line) => `h_${line}`), ""].join("\n");
  const wrong = [
    "a_total 1\n",
    "# TYPE a_total counter\na_total 1\n",
    `${head}a_total 1`,
    `${head}a_total one\n`,
    `${head}a_total -1\n`,
    `${head}a_total 1\na_total 2\n`,
    `${head}b_total 1\n`,
    `${head}a_total{x="1",x="2"} 1\n`,
    `${head}a_total{x="1" } 1\n`,
    head + head,
    "# HELP a A\n# TYPE a counter\na 1\n",
    histogram('bucket{le="1"} 2', "sum 1", "count 2"),
    histogram('bucket{le="1"} 2', 'bucket{le="+Inf"} 1', "sum 1", "count 1"),
    histogram('bucket{le="1"} 1', 'bucket{le="+Inf"} 2', "sum 1", "count 3"),
    histogram('bucket{le="1"} 1', 'bucket{le="+Inf"} 2', "count 2"),
  ];
  for (const text of wrong) expect(() => parseExposition(text)).toThrow();
});
