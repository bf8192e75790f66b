import { createHash } from "node:crypto";
import type { ReportData } from "./model.ts";
import { pack } from "./pack.ts";
import type { PageFiles } from "./page-files.ts";

/**
 * The page as one file. Data stand in script elements that browsers do not run, every `<` escaped; the only script that may run is the
 * page's own, by its hash, and nothing may be loaded from anywhere.
 */
export function renderPage(data: ReportData, files: PageFiles): string {
  const script = inScript(files.script);
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}' 'wasm-unsafe-eval'`,
    "style-src 'unsafe-inline'",
    "img-src data: blob:",
    "worker-src blob:",
    `connect-src ${data.live === undefined ? "'none'" : "'self'"}`,
    "form-action 'none'",
    "base-uri 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Limbeck report</title>
<link rel="icon" href="data:,">
<style>${files.style}</style>
</head>
<body>
<noscript><p>This page draws its tables and pictures with a script of its own; scripts are switched off here.</p></noscript>
<div id="report"></div>
<script type="application/json" id="report-data">${inertJson(data)}</script>
<script type="application/json" id="report-worker">${inertJson(pack(Buffer.from(files.worker)))}</script>
<script type="application/json" id="report-wasm">${inertJson(pack(files.wasm))}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** JSON that cannot end the element it stands in. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** A script that cannot end its element. */
function inScript(script: string): string {
  return script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
}
