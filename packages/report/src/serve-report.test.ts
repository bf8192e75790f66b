import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { MachineLoad, ReportData } from "./model.ts";
import { serveReport } from "./serve-report.ts";
import { collectToy, recordLine, temporaryFolder, writeRun } from "./testing/report-folder.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const collect = (): Promise<ReportData> => collectToy(folder.path);

/** Status of a request that claims to be for another name. */
function statusFor(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on("error", reject)
      .end();
  });
}

test("serves what there is now, to this machine's own address", async () => {
  writeRun(join(folder.path, "run"), 2);
  const served = await serveReport({ collect, port: 0 });
  try {
    expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await fetch(served.url);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain("connect-src 'self'");
    const ask = async (): Promise<ReportData> =>
      (await (await fetch(new URL("data.json", served.url))).json()) as ReportData;
    expect(await ask()).toMatchObject({
      live: { data: "data.json", load: "load.json" },
      records: [],
      runs: [{ step: 2, state: "unfinished" }],
    });
    writeRun(join(folder.path, "run"), 5);
    writeFileSync(join(folder.path, "records.jsonl"), recordLine());
    expect(await ask()).toMatchObject({ records: [{ method: "dm" }], runs: [{ step: 5 }] });
    const machine = (await (await fetch(new URL("load.json", served.url))).json()) as MachineLoad;
    expect(machine.memory).toBeGreaterThan(0);
    expect((await fetch(new URL("etc/passwd", served.url))).status).toBe(404);
    expect((await fetch(served.url, { method: "POST" })).status).toBe(405);
    for (const path of ["", "data.json", "load.json"]) {
      expect(await statusFor(new URL(path, served.url).href, "evil.example:80")).toBe(403);
    }
  } finally {
    await served.close();
  }
});

test("what the page has already is not sent again", async () => {
  writeRun(join(folder.path, "run"), 2);
  const served = await serveReport({ collect, port: 0 });
  try {
    const address = new URL("data.json", served.url);
    const etag = (await fetch(address)).headers.get("etag")!;
    const again = await fetch(address, { headers: { "If-None-Match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    writeRun(join(folder.path, "run"), 1);
    expect((await fetch(address, { headers: { "If-None-Match": etag } })).status).toBe(200);
  } finally {
    await served.close();
  }
});

test("a port in use is one message", async () => {
  writeRun(join(folder.path, "run"), 1);
  const first = await serveReport({ collect, port: 0 });
  try {
    const port = Number(new URL(first.url).port);
    await expect(serveReport({ collect, port })).rejects.toThrow(
      `report: port ${port} is in use; choose another with --port, or 0 for any free one`,
    );
  } finally {
    await first.close();
  }
});
