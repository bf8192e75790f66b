import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as packageOfS3 from "@aws-sdk/client-s3";
import { DataError, readSet, RunError } from "@limbeck/core";
import { cellId } from "../sweep/cell.ts";
import { checkStoreFormat, parseOutcome, STORE_FORMAT, type CellStore } from "../sweep/cell-store.ts";
import { loadBucketPackage } from "./optional-packages.ts";

/** Of what a cell wrote, what is kept beside its outcome. */
const KEPT = /^(cell\.json|events\.jsonl|preview\.png)$/;

export interface BucketLocation {
  readonly bucket: string;
  /** Begins every key; empty or ending in `/`. */
  readonly prefix: string;
}

/**
 * A store in an S3-compatible bucket. A cell is finished by one object, `outcomes/ID.json`, written last and only where there is
 * none; its set lies under its own hash, so that a second outcome changes nothing of the first.
 *
 * Server, region and credentials come from where the client looks for them: `AWS_ENDPOINT_URL_S3`, `AWS_REGION`,
 * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, or the usual files.
 *
 * @throws {ConfigError} if the client is not installed.
 * @throws {RunError} if the bucket cannot be reached, or holds a store of another format.
 */
export async function bucketCellStore({ bucket, prefix }: BucketLocation): Promise<CellStore> {
  const s3 = await loadBucketPackage();
  const endpoint = process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"];
  // Servers other than Amazon's rarely have a host name for each bucket.
  const client = new s3.S3Client(endpoint === undefined ? {} : { forcePathStyle: true });
  const reaching = reachBucket(`s3://${bucket}/${prefix}`);
  const get = (key: string): Promise<Uint8Array | undefined> =>
    reaching(async () => {
      try {
        const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: prefix + key }));
        return await Body?.transformToByteArray();
      } catch (error) {
        if ((error as Error).name === "NoSuchKey") return undefined;
        throw error;
      }
    });
  const put = (key: string, body: Uint8Array | string, onlyNew = false): Promise<void> =>
    reaching(async () => {
      const condition = onlyNew ? { IfNoneMatch: "*" } : {};
      const command = new s3.PutObjectCommand({
        Bucket: bucket,
        Key: prefix + key,
        Body: body,
        ...condition,
      });
      await client.send(command).catch((error: unknown) => {
        if (!onlyNew || (error as Error).name !== "PreconditionFailed") throw error;
      });
    });
  const outcomeKey = (id: string): string => `outcomes/${id}.json`;
  const outcome: CellStore["outcome"] = async (id) => {
    const bytes = await get(outcomeKey(id));
    if (bytes === undefined) return undefined;
    return parseOutcome(`s3://${bucket}/${prefix}${outcomeKey(id)}`, Buffer.from(bytes).toString("utf8"));
  };
  const format = await get("store.json");
  if (format === undefined) await put("store.json", STORE_FORMAT, true);
  else checkStoreFormat(`s3://${bucket}/${prefix}store.json`, Buffer.from(format).toString("utf8"));
  return {
    outcome,
    async set(id) {
      const found = await outcome(id);
      const bytes = found?.kind === "set" ? await get(`cells/${id}/${found.hash}.arrow`) : undefined;
      if (bytes === undefined) throw new DataError(`s3://${bucket}/${prefix}: has no set of cell ${id}`);
      const folder = mkdtempSync(join(tmpdir(), "limbeck-set-"));
      try {
        writeFileSync(join(folder, "set.arrow"), bytes);
        return readSet(join(folder, "set.arrow"));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    async finished() {
      return reaching(() => listIds(client, s3, bucket, `${prefix}outcomes/`));
    },
    async finish(cell, made, folder) {
      const id = cellId(cell);
      const files = readdirSync(folder);
      for (const name of files.filter((file) => KEPT.test(file))) {
        await put(`cells/${id}/${name}`, readFileSync(join(folder, name)));
      }
      if (made.kind === "set") {
        await put(`cells/${id}/${made.hash}.arrow`, readFileSync(join(folder, "set.arrow")));
      }
      await put(`cells/${id}/cell.json`, `${JSON.stringify(cell, null, 2)}\n`);
      await put(outcomeKey(id), `${JSON.stringify(made, null, 2)}\n`, true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listIds(
  client: packageOfS3.S3Client,
  s3: typeof packageOfS3,
  bucket: string,
  prefix: string,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (let token: string | undefined; ;) {
    const page = await client.send(
      new s3.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    for (const { Key: key = "" } of page.Contents ?? []) {
      if (key.endsWith(".json")) ids.add(key.slice(prefix.length, -".json".length));
    }
    token = page.NextContinuationToken;
    if (token === undefined) return ids;
  }
}

/** Runs a request; what the client throws becomes one message that names the bucket. */
function reachBucket(where: string): <T>(request: () => Promise<T>) => Promise<T> {
  return async (request) => {
    try {
      return await request();
    } catch (cause) {
      const { name, message } = cause as Error;
      throw new RunError(
        `${where}: wanted a bucket that can be read and written, got ${name}: ${message}; ` +
          "check its name, AWS_ENDPOINT_URL_S3, AWS_REGION and the credentials",
        { cause },
      );
    }
  };
}
