import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Objects a list answers with at a time: few, so that there is a next page. */
const PAGE = 2;

/** The few calls of S3 that a store makes, in this process: GET, PUT (with If-None-Match) and ListObjectsV2 by path-style addresses. */
export interface BucketServer {
  readonly endpoint: string;
  /** Key to content, of bucket `sets` alone. */
  readonly objects: Map<string, Buffer>;
  /** Requests as `GET key`, in order. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** Starts the server. Who asks with another access key than `known` is refused. */
export async function startBucketServer(): Promise<BucketServer> {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer((request, response) => void answer(request, response, objects, requests));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, objects, requests, close: () => closed(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  objects: Map<string, Buffer>,
  requests: string[],
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const [, bucket = "", key = ""] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(pathname)) ?? [];
  requests.push(`${request.method ?? ""} ${key}`);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const fail = (status: number, code: string): void => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
  };
  if (!(request.headers.authorization ?? "").includes("Credential=known/")) return fail(403, "AccessDenied");
  if (bucket !== "sets") return fail(404, "NoSuchBucket");
  if (request.method === "PUT") {
    if (request.headers["if-none-match"] === "*" && objects.has(key)) return fail(412, "PreconditionFailed");
    objects.set(key, body);
    response.writeHead(200, { etag: '"1"' }).end();
  } else if (key === "") {
    const prefix = searchParams.get("prefix") ?? "";
    const keys = [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    const first = Number(searchParams.get("continuation-token") ?? 0);
    const rows = keys.slice(first, first + PAGE).map((name) => `<Contents><Key>${name}</Key></Contents>`);
    const next =
      first + PAGE < keys.length ? `<NextContinuationToken>${first + PAGE}</NextContinuationToken>` : "";
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(`<ListBucketResult>${rows.join("")}${next}</ListBucketResult>`);
  } else {
    const found = objects.get(key);
    if (found === undefined) return fail(404, "NoSuchKey");
    response.writeHead(200, { "content-length": found.length }).end(found);
  }
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}
