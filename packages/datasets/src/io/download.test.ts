import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { pixelPattern } from "../../fixtures/pixel-pattern.ts";
import { failureOf, filesBelow, temporaryFolder } from "../../fixtures/temporary-folder.ts";
import { downloadFile, type Download } from "./download.ts";

const tmp = temporaryFolder();
const content = Buffer.from(pixelPattern(1, 300_000));
const sha256 = createHash("sha256").update(content).digest("hex");
let server: Server | undefined;
let requests: string[] = [];
let folders = 0;

async function serve(listener: RequestListener): Promise<{ download: Download; folder: string }> {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request.headers.range ?? "all");
    listener(request, response);
  });
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const folder = join(tmp, `data${folders++}`);
  const download = {
    url: `http://127.0.0.1:${port}/set.bin`,
    file: "set/set.bin",
    bytes: content.length,
    sum: { algorithm: "sha256", hex: sha256 },
  } as const;
  return { download, folder };
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((done) => (server === undefined ? done(undefined) : server.close(done)));
  server = undefined;
});

/** A server that obeys ranges, as those of data sets do. */
const withRanges: RequestListener = (request, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start === 0) response.writeHead(200, { "content-length": content.length });
  else response.writeHead(206, { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` });
  response.end(content.subarray(start));
};

function failure({ download, folder }: { download: Download; folder: string }): Promise<string> {
  const failed = failureOf(downloadFile(download, folder), folder);
  return failed.then((text) => text.replace(/127\.0\.0\.1:\d+/g, "HOST"));
}

describe("downloadFile", () => {
  it("fetches a file once, and only that file stays", async () => {
    const { download, folder } = await serve(withRanges);
    const seen: number[] = [];
    const path = await downloadFile(download, folder, (bytes) => seen.push(bytes));
    expect(path).toBe(join(folder, "set", "set.bin"));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(seen.at(-1)).toBe(content.length);
    expect(await downloadFile(download, folder)).toBe(path);
    expect(requests).toEqual(["all"]);
    expect(filesBelow(folder)).toEqual([path]);
  });

  it("goes on from where an earlier call broke off", async () => {
    const { download, folder } = await serve(withRanges);
    mkdirSync(join(folder, "set"), { recursive: true });
    writeFileSync(join(folder, "set", "set.bin.part"), content.subarray(0, 100_000));
    const path = await downloadFile(download, folder);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(requests).toEqual(["bytes=100000-"]);
  });

  it("goes on by itself when the connection breaks", async () => {
    let broken = false;
    const { download, folder } = await serve((request, response) => {
      if (broken) return withRanges(request, response);
      broken = true;
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect(readFileSync(await downloadFile(download, folder)).equals(content)).toBe(true);
    // How much of the first answer arrived before the end is for the network to decide.
    expect(requests).toHaveLength(2);
  });

  it("starts again where the server knows no ranges", async () => {
    const { download, folder } = await serve((_, response) => response.end(content));
    mkdirSync(join(folder, "set"), { recursive: true });
    writeFileSync(join(folder, "set", "set.bin.part"), content.subarray(5, 100_000));
    expect(readFileSync(await downloadFile(download, folder)).equals(content)).toBe(true);
  });

  it("finishes a part that is complete already, and starts again from one that is too long", async () => {
    const { download, folder } = await serve(withRanges);
    mkdirSync(join(folder, "set"), { recursive: true });
    writeFileSync(join(folder, "set", "set.bin.part"), content);
    expect(readFileSync(await downloadFile(download, folder)).equals(content)).toBe(true);
    expect(requests).toEqual([]);
    const second = `${folder}-long`;
    mkdirSync(join(second, "set"), { recursive: true });
    writeFileSync(join(second, "set", "set.bin.part"), Buffer.concat([content, content]));
    expect(readFileSync(await downloadFile(download, second)).equals(content)).toBe(true);
    expect(requests).toEqual(["all"]);
  });

  it("removes a file with a wrong checksum", async () => {
    const wrong = Buffer.from(content);
    wrong[7]! ^= 1;
    const served = await serve((_, response) => response.end(wrong));
    expect(await failure(served)).toMatchInlineSnapshot(
      `"DataError: set/set.bin: wanted to download http://HOST/set.bin, got a file with SHA256 5b30a9d38241b3c7fddd576179602d5edc68e39d38c636a2317eeb955bc7f9d9 instead of 04ab0dbece1cc5dc72984a7d30a73c647a4f13f46d11c78efaceb03d06057bbd; try again, or get the file yourself and put it into TMP"`,
    );
    expect(filesBelow(served.folder)).toEqual([]);
  });

  it("keeps the part of a body that stays truncated, for the next call", async () => {
    const served = await serve((request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.writeHead(start === 0 ? 200 : 206, start === 0 ? {} : { "content-range": range });
      response.end(content.subarray(start, start + 1000));
    });
    expect(await failure(served)).toMatchInlineSnapshot(
      `"DataError: set/set.bin: wanted to download http://HOST/set.bin, got "the connection ended after 5000 of 300000 bytes"; try again (5000 bytes are kept), or get the file yourself and put it into TMP"`,
    );
    expect(filesBelow(served.folder)).toEqual([join(served.folder, "set", "set.bin.part")]);
    expect(requests).toHaveLength(5);
  });

  it("does not take another range than it asked for", async () => {
    const served = await serve((_, response) => {
      response
        .writeHead(206, { "content-range": `bytes 0-9/${content.length}` })
        .end(content.subarray(0, 10));
    });
    mkdirSync(join(served.folder, "set"), { recursive: true });
    writeFileSync(join(served.folder, "set", "set.bin.part"), content.subarray(0, 100));
    expect(await failure(served)).toMatchInlineSnapshot(
      `"DataError: set/set.bin: wanted to download http://HOST/set.bin, the server answered 206 Partial Content; try again (100 bytes are kept), or get the file yourself and put it into TMP"`,
    );
  });

  it("refuses a body that is longer than the file", async () => {
    const served = await serve((_, response) => response.end(Buffer.concat([content, content])));
    expect(await failure(served)).toMatchInlineSnapshot(
      `"DataError: set/set.bin: wanted to download http://HOST/set.bin, got more than 300000 bytes; try again, or get the file yourself and put it into TMP"`,
    );
    expect(filesBelow(served.folder)).toEqual([]);
  });

  it("says what to do when the file is not there", async () => {
    const served = await serve((_, response) => response.writeHead(404).end("no"));
    expect(await failure(served)).toMatchInlineSnapshot(
      `"DataError: set/set.bin: wanted to download http://HOST/set.bin, the server answered 404 Not Found; try again, or get the file yourself and put it into TMP"`,
    );
    expect(filesBelow(served.folder)).toEqual([]);
  });

  it("says what to do when there is no network", async () => {
    const { download, folder } = await serve(withRanges);
    await new Promise((done) => server!.close(done));
    server = undefined;
    expect(await failure({ download, folder })).toMatch(
      /^DataError: set\/set\.bin: wanted to download http:\/\/HOST\/set\.bin, got "connect ECONNREFUSED HOST"; try again, or get the file yourself and put it into TMP$/,
    );
    expect(filesBelow(folder)).toEqual([]);
  });

  it("says so when the folder cannot be written", async () => {
    const { download } = await serve(withRanges);
    writeFileSync(join(tmp, "file"), "");
    expect(await failure({ download, folder: join(tmp, "file") })).toMatchInlineSnapshot(
      `"RunError: TMP: wanted to write a download there, got "a part of the path is a file, not a folder"; make room or set LIMBECK_DATA to another folder"`,
    );
  });
});
