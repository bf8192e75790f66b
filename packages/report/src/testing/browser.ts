import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";

/** Where Linux distributions put the browser; `LIMBECK_CHROMIUM` names another place. */
const PLACES = [process.env["LIMBECK_CHROMIUM"] ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser"];

/** The browser's program; undefined where there is none. */
export const chromiumPath = PLACES.find((path) => path !== "" && existsSync(path));

/** What a browser without a graphics processor needs to have WebGPU and WebGL all the same, on the processor. */
export const SOFTWARE_GRAPHICS = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** Starts the browser without a window, and without anything that talks to the outside. */
export function startBrowser(graphics: readonly string[] = ["--disable-gpu"]): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    args: [
      "--headless",
      "--no-sandbox",
      ...graphics,
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** An open page, with everything that it complained about. */
export interface OpenPage {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, requests for anything but the page itself. */
  readonly complaints: readonly string[];
}

/** Opens a page and waits until it is drawn. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1200, dark = false }: { readonly width?: number; readonly dark?: boolean } = {},
): Promise<OpenPage> {
  const page = await browser.newPage({
    viewport: { width, height: 900 },
    colorScheme: dark ? "dark" : "light",
  });
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!/^(?:data|blob):/.test(request.url()) && request.url() !== url) complaints.push(request.url());
  });
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  return { page, complaints };
}
