import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "limbeck-install-"));
  for (const name of ["binding.gyp", "package.json", "scripts", "cc"]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

function install(environment: Record<string, string>) {
  return spawnSync(process.execPath, [join(copy, "scripts/install.mjs")], {
    cwd: copy,
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
}

/** The least that the script's last check takes for the addon. */
const SMALL_ADDON = `
#include <node_api.h>
static napi_value threadCount(napi_env, napi_callback_info) { return nullptr; }
NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, nullptr, 0, threadCount, nullptr, &function);
  napi_set_named_property(env, exports, "threadCount", function);
  return exports;
}
`;

const WITHOUT_COMPILER = { CC: "/nonexistent/cc", CXX: "/nonexistent/c++" };

describe("the install script", () => {
  it("without a compiler says so in one line, keeps the log, and succeeds", () => {
    const { status, stdout, stderr } = install(WITHOUT_COMPILER);
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toMatch(
      /^@limbeck\/native: the native back end is not built \(.*nonexistent.*\); the suite goes on with WASM\./,
    );
    expect(stdout).toContain("install a C++17 compiler");
    expect(status).toBe(0);
    expect(readFileSync(join(copy, "build/install.log"), "utf8")).toContain("gyp");
  });

  it("can be told to leave the build out", () => {
    const { status, stdout } = install({ LIMBECK_SKIP_NATIVE: "1" });
    expect(stdout.trimEnd()).toMatch(/not built \(LIMBECK_SKIP_NATIVE is 1\); .*[^\n]$/);
    expect(status).toBe(0);
  });

  it("builds, and builds again only when the sources have changed", () => {
    for (const name of ["cc", "build"]) rmSync(join(copy, name), { recursive: true, force: true });
    mkdirSync(join(copy, "cc"));
    writeFileSync(
      join(copy, "binding.gyp"),
      JSON.stringify({ targets: [{ target_name: "limbeck", sources: ["cc/one.cc"] }] }),
    );
    writeFileSync(join(copy, "cc/one.cc"), SMALL_ADDON);
    const addon = join(copy, "build/Release/limbeck.node");
    expect(install({})).toMatchObject({ status: 0, stdout: "" });
    expect(createRequire(import.meta.url)(addon)).toMatchObject({
      threadCount: expect.any(Function) as unknown,
    });
    const built = statSync(addon).mtimeMs;
    expect(install({})).toMatchObject({ status: 0, stdout: "" });
    expect(statSync(addon).mtimeMs).toBe(built);
    writeFileSync(join(copy, "cc/one.cc"), `${SMALL_ADDON}// changed\n`);
    expect(install({})).toMatchObject({ status: 0, stdout: "" });
    expect(statSync(addon).mtimeMs).toBeGreaterThan(built);
  });

  it("keeps an earlier build when a new one fails, and says so", () => {
    mkdirSync(join(copy, "build/Release"), { recursive: true });
    writeFileSync(join(copy, "build/Release/limbeck.node"), "");
    rmSync(join(copy, "build/sources.sha256"), { force: true });
    const { status, stdout } = install(WITHOUT_COMPILER);
    expect(stdout).toMatch(/could not be built anew \(.*\); the one built before stays in use/);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(status).toBe(0);
  });
});
