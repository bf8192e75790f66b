import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { writeFileBeside, writeSet } from "@limbeck/core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pageFiles } from "./page-files.ts";
import { renderPage } from "./render-page.ts";
import { chromiumPath, openPage, SOFTWARE_GRAPHICS, startBrowser } from "./testing/browser.ts";
import { collectToy, scoredSet, temporaryFolder } from "./testing/report-folder.ts";

describe.skipIf(chromiumPath === undefined)("back ends of the page in chromium", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let url: string;
  let browser: Browser | undefined;

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeSet(join(folder.path, "set.arrow"), await scoredSet());
    const file = join(folder.path, "report.html");
    const data = await collectToy(folder.path, { testImages: 1000 });
    writeFileBeside(file, renderPage(data, await pageFiles()));
    url = pathToFileURL(file).href;
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    folder.remove();
  });

  /** Trains on a back end: what the page says it computed by, the last losses, what went wrong. */
  async function train(graphics: readonly string[], choice: string, epochs = 2) {
    await browser?.close();
    browser = await startBrowser(graphics);
    const { page, complaints } = await openPage(browser, url);
    await page.getByLabel("Compute by").selectOption(choice);
    await page.locator("#train input[type=number]").fill(String(epochs));
    await page.getByRole("button", { name: "Train here" }).click();
    const settled = page.locator("#train .results li:nth-child(2), #train [role=status]:text('failed')");
    await settled.first().waitFor({ timeout: 100_000 });
    const text = (selector: string): Promise<string[]> => page.locator(selector).allInnerTexts();
    const result = {
      status: (await text("#train > [role=status]")).join(),
      computed: (await text("#train > p.quiet")).filter((each) => each.startsWith("Computed")).join(),
      losses: (await page.evaluate(
        "[...document.querySelectorAll('#train .results li')].map(({ dataset }) => Number(dataset.loss))",
      )) as number[],
      complaints,
    };
    await page.close();
    return result;
  }

  test("software graphics are passed over for WebAssembly, and trained on when asked for, to the same", async () => {
    const wasm = await train(SOFTWARE_GRAPHICS, "auto");
    expect(wasm.computed).toBe(
      "Computed by WebAssembly. Passed over: WebGPU: a software renderer; WebGL: a software renderer.",
    );
    expect(wasm.losses).toHaveLength(2);
    const other = await train(SOFTWARE_GRAPHICS, "webgpu");
    expect(other.status).not.toContain("failed");
    expect(other.computed).toBe("Computed by WebGPU.");
    // Loss after the last epoch.
    other.losses.forEach((loss, i) => expect(loss).toBeCloseTo(wasm.losses[i]!, 3));
    expect(other.complaints).toEqual([]);
  }, 300_000);

  test("a browser without graphics trains on WebAssembly, and says what is missing where it is asked for more", async () => {
    const none = ["--disable-gpu", "--disable-software-rasterizer"];
    const { computed, losses } = await train(none, "auto");
    expect(computed).toMatch(
      /^Computed by WebAssembly\. Passed over: WebGPU: .+; WebGL: not in this browser\.$/,
    );
    expect(losses).toHaveLength(2);
    expect((await train(none, "webgl")).status).toMatch(/^Training failed: WebGL: does not start/);
  }, 120_000);
});
