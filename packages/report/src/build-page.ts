import { copyFileSync } from "node:fs";
import { join } from "node:path";

/** Sources of the page; not in the published package, which carries what is made of them. */
const SOURCES = join(import.meta.dirname, "..", "page");

/** Bundles the page's two scripts by Vite into `page.js` and `worker.js`, with `page.css` beside them. */
export async function buildPage(folder: string): Promise<void> {
  const { build } = await import("vite");
  for (const [entry, fileName] of [
    ["main.ts", "page.js"],
    ["training-worker.ts", "worker.js"],
  ] as const) {
    await build({
      configFile: false,
      root: SOURCES,
      logLevel: "error",
      define: { "process.env.NODE_ENV": '"production"' },
      build: {
        outDir: folder,
        emptyOutDir: false,
        copyPublicDir: false,
        target: "es2022",
        lib: {
          entry: join(SOURCES, entry),
          formats: ["iife"],
          name: "limbeckReport",
          fileName: () => fileName,
        },
      },
    });
  }
  copyFileSync(join(SOURCES, "page.css"), join(folder, "page.css"));
}
