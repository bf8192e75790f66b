import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A server of this test, empty whenever it starts: it keeps nothing on disk. */
export interface TestRedis {
  /** With the password, where there is one. */
  readonly address: string;
  readonly port: number;
  /** Kills it and starts it again at the same port. All that it knew is gone. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether a Redis or Valkey server is installed; tests that want one are skipped without. */
export const REDIS_SERVER = ["redis-server", "valkey-server"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);

/** Starts a server on a free port. */
export async function startRedis(password?: string): Promise<TestRedis> {
  const port = await freePort();
  let child = await start(port, password);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  };
  return {
    address: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    port,
    async restart() {
      await stop();
      child = await start(port, password);
    },
    stop,
  };
}

async function start(port: number, password: string | undefined): Promise<ChildProcess> {
  const secret = password === undefined ? [] : ["--requirepass", password];
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", ...secret];
  const child = spawn(REDIS_SERVER!, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const text of child.stdout as AsyncIterable<Buffer>) {
    if (/Ready to accept connections/i.test(text.toString())) break;
  }
  // What it says further is not read: it must not fill the pipe.
  child.stdout!.resume();
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
