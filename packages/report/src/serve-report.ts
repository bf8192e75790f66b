import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { RunError } from "@limbeck/core";
import { watchLoad } from "./machine-load.ts";
import type { MachineLoad, ReportData } from "./model.ts";
import { pageFiles } from "./page-files.ts";
import { renderPage } from "./render-page.ts";

const HOST = "127.0.0.1";
const LIVE = { data: "data.json", load: "load.json" };

export interface ServeOptions {
  /** Reads what there is now; called for every visit and every question of the page. */
  readonly collect: () => Promise<ReportData>;
  /** 0: any free port. */
  readonly port: number;
}

/** A page that is being served. */
export interface ServedReport {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the page on this machine's own address only, with data as of each visit; the open page asks for newer data by itself.
 *
 * @throws {RunError} if the port is taken.
 */
export async function serveReport({ collect, port }: ServeOptions): Promise<ServedReport> {
  const files = await pageFiles();
  // Reading twice at a time gains nothing.
  let reading: Promise<ReportData> | undefined;
  const read = (): Promise<ReportData> =>
    (reading ??= collect().finally(() => (reading = undefined))).then((data) => ({ ...data, live: LIVE }));
  const load = watchLoad();
  const sources: Answers = { read, load: () => load.read(), render: (data) => renderPage(data, files) };
  const server = createServer((request, response) => {
    answer(request, sources).then(
      (reply) => send(response, reply),
      (error: unknown) => send(response, text(500, error instanceof Error ? error.message : String(error))),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      load.stop();
      reject(
        error.code === "EADDRINUSE"
          ? new RunError(
              `report: port ${port} is in use; choose another with --port, or 0 for any free one`,
              { cause: error },
            )
          : new RunError(`report: cannot listen on ${HOST}:${port}: ${error.message}`, { cause: error }),
      );
    });
    server.listen(port, HOST, resolve);
  });
  const { port: own } = server.address() as { port: number };
  return {
    url: `http://${HOST}:${own}/`,
    close: () =>
      new Promise((resolve) => {
        load.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly etag?: string;
}

interface Answers {
  readonly read: () => Promise<ReportData>;
  readonly load: () => MachineLoad;
  readonly render: (data: ReportData) => string;
}

async function answer(
  { method, url, headers }: IncomingMessage,
  { read, load, render }: Answers,
): Promise<Reply> {
  // Another site's page that had its name point here must not read the data.
  const host = (headers.host ?? "").replace(/:\d+$/, "");
  if (host !== HOST && host !== "localhost") return text(403, "this address only\n");
  if (method !== "GET") return text(405, "only GET\n");
  if (url === "/") return { status: 200, type: "text/html", body: render(await read()) };
  if (url === `/${LIVE.load}`) return json(load());
  if (url !== `/${LIVE.data}`) return text(404, "not here\n");
  const data = await read();
  // Sets are large: what the page has already is not sent again.
  const etag = `"${createHash("sha256")
    .update(JSON.stringify({ ...data, made: "" }))
    .digest("hex")}"`;
  return headers["if-none-match"] === etag ? { ...text(304, ""), etag } : { ...json(data), etag };
}

function text(status: number, body: string): Reply {
  return { status, type: "text/plain", body };
}

function json(value: unknown): Reply {
  return { status: 200, type: "application/json", body: JSON.stringify(value) };
}

function send(response: ServerResponse, { status, type, body, etag }: Reply): void {
  response.writeHead(status, {
    "Content-Type": `${type}; charset=utf-8`,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(etag === undefined ? {} : { ETag: etag }),
  });
  response.end(body);
}
