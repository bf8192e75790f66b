import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import { BackendError, ConfigError } from "../errors.ts";
import { drivers } from "./drivers.ts";
import { engineInfo, ensureBackend, useBackend } from "./engine.ts";
import { resolveSettings } from "./settings.ts";

const VARIABLES = ["LIMBECK_BACKEND", "LIMBECK_PRECISION", "LIMBECK_THREADS"];
const before = VARIABLES.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

describe("useBackend", () => {
  test("an explicit name is taken, with what it computes in", async () => {
    const info = await useBackend("cpu", { precision: "high" });
    expect(tf.getBackend()).toBe("cpu");
    expect(info).toMatchObject({
      backend: "cpu",
      requested: "cpu",
      precision: "high",
      arithmetic: "float32",
      threads: 1,
      passedOver: [],
    });
    expect(engineInfo()).toBe(info);
  });

  test("LIMBECK_BACKEND decides where nothing is asked for, and loses to a name", async () => {
    process.env["LIMBECK_BACKEND"] = "wasm";
    expect((await useBackend()).requested).toBe("wasm");
    expect(tf.getBackend()).toBe("wasm");
    expect((await useBackend("cpu")).backend).toBe("cpu");
  });

  test("tensors live on when the back end changes", async () => {
    await useBackend("cpu");
    const x = tf.tensor1d([1, 2, 3]);
    await useBackend("wasm");
    const y = tf.mul(x, 2);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
    await useBackend("cpu");
    expect([...(await tf.add(x, y).data())]).toEqual([3, 6, 9]);
    tf.dispose([x, y]);
  });

  test("an unknown name lists the known ones", async () => {
    await expect(useBackend("cuda")).rejects.toThrow(ConfigError);
    await expect(useBackend("cuda")).rejects.toThrow(
      'useBackend: unknown back end "cuda"; known: auto, cpu, native, tensorflow, wasm, webgpu',
    );
  });

  test("two back ends at once: the second is refused, the first is in force", async () => {
    const first = useBackend("cpu");
    const error = await useBackend("wasm").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BackendError);
    expect((error as Error).message).toBe(
      'useBackend: wanted "wasm" while "cpu" is being started; await the first call: a process computes on one back end at a time',
    );
    expect((await first).backend).toBe("cpu");
    expect((await Promise.all([useBackend("cpu"), useBackend("cpu")])).map(({ backend }) => backend)).toEqual(
      ["cpu", "cpu"],
    );
  });

  test("a back end that cannot be had is refused with reason and fix, and the old one stays", async () => {
    await useBackend("cpu");
    const settings = resolveSettings("auto", {}, {});
    for (const driver of Object.values(drivers)) {
      const found = await driver.probe(settings);
      if (found.available) continue;
      const error = await useBackend(driver.name).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(BackendError);
      expect((error as Error).message).toBe(
        `useBackend: back end "${driver.name}" cannot be had here: ${found.reason}; ${found.fix}`,
      );
      expect(engineInfo().backend).toBe("cpu");
    }
  });

  test("auto says what it passed over", async () => {
    Reflect.deleteProperty(process.env, "LIMBECK_BACKEND");
    const info = await useBackend("auto");
    expect(info.requested).toBe("auto");
    for (const { reason, fix } of info.passedOver) {
      expect(reason).not.toBe("");
      expect(fix).not.toBe("");
    }
  });
});

describe("engineInfo and ensureBackend", () => {
  test("a back end set behind its back is an error to engineInfo, and adopted by ensureBackend", async () => {
    await useBackend("cpu");
    await useBackend("wasm");
    await tf.setBackend("cpu");
    expect(() => engineInfo()).toThrow(
      'engineInfo: useBackend() chose "wasm", but "cpu" is in force; switch with useBackend()',
    );
    expect((await ensureBackend()).backend).toBe("cpu");
    expect(await ensureBackend()).toBe(engineInfo());
  });
});

describe("a fresh process", () => {
  test("runs WASM from any folder", () => {
    const code = `await useBackend("wasm"); console.log(tf.sum(tf.ones([8])).dataSync()[0], engineInfo().backend);`;
    expect(runElsewhere(code)).toEqual({ stdout: "8 wasm", stderr: "" });
  });

  test("asked for its engine before it has one, says what to call; ensureBackend chooses", () => {
    const code = `try { engineInfo(); } catch (error) { console.log(error.message); }
      console.log((await ensureBackend()).requested);`;
    expect(runElsewhere(code).stdout).toBe(
      "engineInfo: no back end was chosen yet; call useBackend() first\nauto",
    );
  });
});

/** Runs code in a new process that was started in another folder. */
function runElsewhere(code: string): { stdout: string; stderr: string } {
  const engine = pathToFileURL(join(import.meta.dirname, "engine.ts")).href;
  const script = `import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs-core"))};
    import { engineInfo, ensureBackend, useBackend } from ${JSON.stringify(engine)};\n${code}`;
  const folder = mkdtempSync(join(tmpdir(), "limbeck-engine-"));
  try {
    writeFileSync(join(folder, "script.mjs"), script);
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "script.mjs"],
      { cwd: folder, encoding: "utf8", env: { ...process.env, LIMBECK_BACKEND: "" } },
    );
    if (status !== 0) throw new Error(stderr);
    return { stdout: stdout.trim(), stderr: stderr.trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
