import { ConfigError, RunError } from "@limbeck/core";
import type { Redis } from "ioredis";
import { loadQueuePackages } from "./optional-packages.ts";

/** Milliseconds within which a server must answer at the start. */
const FIRST_ANSWER = 5000;
/** Milliseconds between two attempts to find a server again that was there, at most. */
const LONGEST_PAUSE = 2000;

/** The address of a server without its user and password: for messages. */
function shownAddress(address: string): string {
  const { protocol, host, pathname } = parseAddress(address);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/**
 * Connects to Redis or Valkey. Once it has answered, the connection comes back by itself whenever the server does.
 *
 * @param onNote Told once when the server is lost and once when it is back.
 * @throws {ConfigError} if the address is none, or the server refuses the user or password; neither is ever part of a message.
 * @throws {RunError} if no server answers.
 */
export async function connectRedis(address: string, onNote?: (text: string) => void): Promise<Redis> {
  const shown = shownAddress(address);
  const { Redis: Client } = await loadQueuePackages();
  const first = new Client(address, {
    lazyConnect: true,
    connectTimeout: FIRST_ANSWER,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason: unknown;
  first.on("error", (error) => (reason = error));
  try {
    await first.connect();
    await first.ping();
  } catch (error) {
    throw connectionError(shown, reason ?? error);
  } finally {
    first.disconnect();
  }
  const client = new Client(address, {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(100 * times, LONGEST_PAUSE),
  });
  let lost = false;
  // Without a listener a lost connection would end the process.
  client.on("error", () => undefined);
  client.on("reconnecting", () => {
    if (!lost) onNote?.(`${shown}: the server is gone; waiting for it`);
    lost = true;
  });
  client.on("ready", () => {
    if (lost) onNote?.(`${shown}: the server is back`);
    lost = false;
  });
  return client;
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "redis:" || url?.protocol === "rediss:") return url;
  // What was given may hold a password: it is not repeated.
  throw new ConfigError(
    "--queue: wanted an address such as redis://host:6379 or rediss://user:password@host:6379/0",
  );
}

function connectionError(shown: string, cause: unknown): ConfigError | RunError {
  const { code = "", message } = cause as Error & { code?: string };
  if (/WRONGPASS|invalid (username-)?password/i.test(message)) {
    return new ConfigError(`${shown}: the server refused the user or password; check the address of --queue`);
  }
  if (message.includes("NOAUTH")) {
    return new ConfigError(
      `${shown}: the server wants a password, got none; give it in the address, redis://:PASSWORD@host:6379`,
    );
  }
  const reason = code === "" ? message : code;
  return new RunError(
    `${shown}: wanted a Redis or Valkey server, got ${reason}; start one there, or check the address of --queue`,
  );
}
