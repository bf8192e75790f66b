import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { RunError } from "@limbeck/core";
import type { ReportData } from "./model.ts";
import { pageFiles } from "./page-files.ts";
import { renderPage } from "./render-page.ts";

const HOST = "127.0.0.1";
const DATA = "data.json";

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
    (reading ??= collect().finally(() => (reading = undefined))).then((data) => ({ ...data, live: DATA }));
  const server = createServer((request, response) => {
    answer(request, read, (data) => renderPage(data, files)).then(
      ({ status, type, body }) => send(response, status, type, body),
      (error: unknown) =>
        send(response, 500, "text/plain", error instanceof Error ? error.message : String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE"
          ? new RunError(
              `report: port ${port} is in use; choose another with --port, or 0 for any free one`,
              { cause: error },
            )
          : new RunError(`report: cannot listen on ${HOST}:${port}: ${error.message}`, { cause: error }),
      ),
    );
    server.listen(port, HOST, resolve);
  });
  const { port: own } = server.address() as { port: number };
  return {
    url: `http://${HOST}:${own}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(
  { method, url, headers }: IncomingMessage,
  read: () => Promise<ReportData>,
  render: (data: ReportData) => string,
): Promise<Reply> {
  // Another site's page that had its name point here must not read the data.
  const host = (headers.host ?? "").replace(/:\d+$/, "");
  if (host !== HOST && host !== "localhost")
    return { status: 403, type: "text/plain", body: "this address only\n" };
  if (method !== "GET") return { status: 405, type: "text/plain", body: "only GET\n" };
  if (url === "/") return { status: 200, type: "text/html", body: render(await read()) };
  if (url === `/${DATA}`)
    return { status: 200, type: "application/json", body: JSON.stringify(await read()) };
  return { status: 404, type: "text/plain", body: "not here\n" };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "Content-Type": `${type}; charset=utf-8`,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(body);
}
