import { execFile } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BackendError } from "../errors.ts";
import type { TensorflowPackage } from "./tensorflow-package.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL(`./check-binding-main${extname(import.meta.url)}`, import.meta.url));

/** What a binding told in a process of its own. */
export interface BindingCheck {
  /** Of TensorFlow, as the library tells. */
  readonly version: string;
  /** Whether it computes on an NVIDIA card. */
  readonly gpu: boolean;
  /** Largest difference from the known values of a product and of a convolution's gradients. */
  readonly error: number;
}

/** Products of small whole numbers are exact in float32, and in TensorFloat-32 too. */
const TOLERANCE = 1e-5;
const PATIENCE_MS = 300_000;

/**
 * Loads a binding in a fresh process and lets it compute what is known.
 *
 * @param options.nodeArguments Options of node; default: those of this process.
 * @throws {BackendError} if it does not load, crashes, or computes something else.
 */
export async function checkBinding(
  { name, entry }: TensorflowPackage,
  binding: string,
  options: { readonly nodeArguments?: readonly string[]; readonly signal?: AbortSignal | undefined } = {},
): Promise<BindingCheck> {
  const { nodeArguments = process.execArgv, signal } = options;
  let check: BindingCheck;
  try {
    const { stdout } = await run(process.execPath, [...nodeArguments, program, entry, binding], {
      timeout: PATIENCE_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    check = JSON.parse(stdout.trim().split("\n").at(-1)!) as BindingCheck;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new BackendError(
      `setup tensorflow: wanted ${name} to run on this TensorFlow, it does not: ${lastWords(error)}; try another release of ` +
        "TensorFlow",
      { cause: error },
    );
  }
  if (check.error <= TOLERANCE) return check;
  throw new BackendError(
    `setup tensorflow: wanted a product and a convolution's gradients within ${TOLERANCE} of their known values, TensorFlow ` +
      `${check.version} is off by ${check.error}; try another release of TensorFlow`,
  );
}

/** What a process said before it ended, without the frames of a stack. */
function lastWords(error: unknown): string {
  const { stderr, message, signal } = error as { stderr?: string; message: string; signal?: string | null };
  const lines = (stderr ?? "").split("\n").filter((line) => /error/i.test(line) && !/^\s*at /.test(line));
  return lines.at(-1)?.trim() ?? (signal ? `the process ended with ${signal}` : message.split("\n")[0]!);
}
