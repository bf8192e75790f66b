import { expect, test } from "vitest";
import { backendsMarkdown, withBackendsTable } from "./backends-markdown.ts";
import { caseError, compareBackends, type BackendTable } from "./compare-backends.ts";

const TSX = ["--import", import.meta.resolve("tsx")];

test("the back ends of this machine agree with plain JavaScript", async () => {
  const backends = ["tensorflow", "native", "wasm"] as const;
  const { columns, rows, problems } = await compareBackends({
    backends,
    quick: true,
    threads: 2,
    nodeArguments: TSX,
  });
  expect(problems).toEqual([]);
  expect(columns.map(({ backend }) => backend)).toEqual(["cpu", ...backends]);
  expect(rows.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "convnet3-w8 first",
    "convnet3-w8 second",
    "convnet3-w8-batch first",
    "convnet3-w8-batch second",
    "resnet18-w4 first",
    "resnet18-w4 second",
    "datadam step",
    "dsa step",
    "mtt step",
    "sre2l step",
  ]);
  for (const { errors } of rows) {
    expect(errors.wasm).toBeGreaterThan(0);
    for (const { backend, reason } of columns)
      expect(errors[backend] === undefined).toBe(backend === "cpu" || reason !== null);
  }
}, 240_000);

test("errors are relative to what moved, array by array; a sign, a length and a NaN are seen", () => {
  const f = (...values: number[]): Float32Array => Float32Array.from(values);
  const truth = { values: [f(3, 4), f(100)] };
  expect(caseError(truth, truth)).toBe(0);
  expect(caseError({ values: [f(3, -4), f(100)] }, truth)).toBeCloseTo(8 / 5, 6);
  // The small array counts as much as the large one.
  expect(caseError({ values: [f(3, 4.5), f(100)] }, truth)).toBeCloseTo(0.1, 6);
  expect(caseError({ values: [f(3), f(100)] }, truth)).toBeNaN();
  expect(caseError({ values: [f(3, NaN), f(100)] }, truth)).toBeNaN();
  const step = { values: [f(101)], before: [f(100)] };
  expect(caseError({ values: [f(100.5)], before: [f(100)] }, step)).toBeCloseTo(0.5, 6);
  // A selection moves nothing.
  expect(caseError({ values: [f(90)] }, { values: [f(100)], before: [f(100)] })).toBeCloseTo(0.1, 6);
});

test("the table as markdown, between its markers", () => {
  const table: BackendTable = {
    columns: [
      { backend: "cpu", version: "4.22.0", device: "a processor", reason: null, seconds: 12.4 },
      { backend: "native", version: "0.1.0", device: "a processor", reason: null, seconds: 1 },
      { backend: "webgpu", version: null, device: null, reason: "not installed", seconds: 0 },
    ],
    rows: [
      { name: "convnet1", kind: "first", tolerance: 1e-4, errors: { native: 2.34e-6 } },
      { name: "convnet1", kind: "second", tolerance: 1e-3, errors: { native: 0.5 } },
      { name: "dm", kind: "step", tolerance: 1e-3, errors: { native: { failed: "no" } } },
    ],
    problems: ["native, convnet1 (second): off by 5.0e-1, allowed 0.001"],
  };
  const markdown = `| Case |  | Allowed | \`native\` | \`webgpu\` |
| --- | --- | --- | --- | --- |
| convnet1 | first derivatives | 1e-4 | 2.3e-6 | – |
| convnet1 | second derivatives | 1e-3 | **5.0e-1** | – |
| dm | one step | 1e-3 | **failed** | – |

- \`cpu\`: 4.22.0, a processor, 12 s of processor time
- \`native\`: 0.1.0, a processor, 1 s of processor time
- \`webgpu\`: not there: not installed

Problems:

- native, convnet1 (second): off by 5.0e-1, allowed 0.001`;
  expect(backendsMarkdown(table)).toBe(markdown);
  const page = "# A\n\n<!-- backends:start -->\nold\n<!-- backends:end -->\nend\n";
  expect(withBackendsTable(page, "new")).toBe(
    "# A\n\n<!-- backends:start -->\n\nnew\n\n<!-- backends:end -->\nend\n",
  );
  expect(withBackendsTable("# A\n", "new")).toBeUndefined();
});
