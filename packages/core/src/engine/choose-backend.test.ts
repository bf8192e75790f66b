import { expect, test } from "vitest";
import { BackendError } from "../errors.ts";
import type { BackendName } from "./backend-name.ts";
import { chooseBackend } from "./choose-backend.ts";
import { FLOAT32_ONLY, type Availability } from "./driver.ts";

function machine(has: Partial<Record<BackendName, "card" | "processor">>) {
  const asked: string[] = [];
  const choice = chooseBackend(({ name, accelerated }): Promise<Availability> => {
    asked.push(accelerated ? `${name} on a card` : name);
    const kind = has[name];
    if (kind === undefined)
      return Promise.resolve({ available: false, reason: `no ${name}`, fix: `get ${name}` });
    return Promise.resolve({
      available: true,
      version: "1",
      device: kind,
      accelerated: kind === "card",
      threads: 1,
      arithmetic: FLOAT32_ONLY,
      isa: "none",
    });
  });
  return { asked, choice };
}

test.each<[BackendName, Partial<Record<BackendName, "card" | "processor">>]>([
  ["tensorflow", { tensorflow: "card", webgpu: "card", native: "processor", wasm: "processor" }],
  ["webgpu", { tensorflow: "processor", webgpu: "card", native: "processor", wasm: "processor" }],
  ["native", { tensorflow: "processor", webgpu: "processor", native: "processor", wasm: "processor" }],
  ["tensorflow", { tensorflow: "processor", wasm: "processor" }],
  ["wasm", { webgpu: "processor", wasm: "processor", cpu: "processor" }],
])("auto takes %s of %o", async (wanted, has) => {
  expect((await machine(has).choice).backend).toBe(wanted);
});

test("what was passed over is told, what comes after the choice is not probed", async () => {
  const { asked, choice } = machine({ webgpu: "processor", native: "processor" });
  expect((await choice).passedOver).toEqual([
    { backend: "tensorflow", reason: "no tensorflow", fix: "get tensorflow" },
    {
      backend: "webgpu",
      reason: "it has no graphics card here, only processor",
      fix: "force it with --backend webgpu",
    },
  ]);
  expect(asked).toEqual(["tensorflow on a card", "webgpu on a card", "native"]);
});

test("a machine with nothing is told every reason once", async () => {
  const { choice } = machine({});
  await expect(choice).rejects.toThrow(BackendError);
  await expect(choice).rejects.toThrow(
    "useBackend: wanted any back end, got none; tensorflow: no tensorflow; get tensorflow. webgpu: no webgpu; get webgpu. " +
      "native: no native; get native. wasm: no wasm; get wasm",
  );
});
