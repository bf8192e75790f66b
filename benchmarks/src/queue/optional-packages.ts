import type * as s3 from "@aws-sdk/client-s3";
import { ConfigError } from "@limbeck/core";
import type * as bullmq from "bullmq";
import type * as ioredis from "ioredis";

/**
 * The packages of the queue, loaded when they are first wanted: one machine needs none of them.
 *
 * @throws {ConfigError} saying what to install.
 */
export async function loadQueuePackages(): Promise<QueuePackages> {
  return optional("--queue", ["bullmq", "ioredis"], async () => {
    const [{ Queue, QueueEvents, WaitingError, Worker }, { Redis }] = await Promise.all([
      import("bullmq"),
      import("ioredis"),
    ]);
    return { Queue, QueueEvents, WaitingError, Worker, Redis };
  });
}

/** What is used of them. */
export interface QueuePackages {
  readonly Queue: typeof bullmq.Queue;
  readonly QueueEvents: typeof bullmq.QueueEvents;
  readonly WaitingError: typeof bullmq.WaitingError;
  readonly Worker: typeof bullmq.Worker;
  readonly Redis: typeof ioredis.Redis;
}

/** The client of S3-compatible buckets. @throws {ConfigError} saying what to install. */
export async function loadBucketPackage(): Promise<typeof s3> {
  return optional("s3://", ["@aws-sdk/client-s3"], () => import("@aws-sdk/client-s3"));
}

async function optional<T>(what: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const names = packages.join(" ");
    throw new ConfigError(
      `${what} wants ${names}, an optional install that is not here; run: npm install ${names}`,
      {
        cause,
      },
    );
  }
}
