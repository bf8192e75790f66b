import { join } from "node:path";
import { buildPage } from "../src/build-page.ts";

/** Puts the bundled page into the compiled package, before it is packed. */
await buildPage(join(import.meta.dirname, "..", "dist", "page"));
