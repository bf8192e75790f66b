import { createColors } from "picocolors";

/** Where a command writes: results to stdout, everything else to stderr, colours only where a person looks. */
export interface Output {
  /** True with `--json`: stdout carries JSON and nothing else. */
  readonly json: boolean;
  readonly quiet: boolean;
  /** True where stderr is a terminal, not a log of a build machine. */
  readonly interactive: boolean;
  readonly colors: ReturnType<typeof createColors>;
  /** The result: `value` as one JSON line with `--json`, else `text`. */
  result(value: unknown, text: string): void;
  /** A line for the reader on stderr; nothing with `--quiet`. */
  note(text: string): void;
}

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  /** False with `--no-color`. */
  readonly color?: boolean | undefined;
}

/** Honours `NO_COLOR` (https://no-color.org) and `CI`. */
export function createOutput({ json = false, quiet = false, color = true }: OutputOptions): Output {
  const terminal = process.stderr.isTTY === true;
  const colors = createColors(color && terminal && !process.env["NO_COLOR"]);
  return {
    json,
    quiet,
    interactive: terminal && !process.env["CI"] && !quiet,
    colors,
    result(value, text) {
      process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
    },
    note(text) {
      if (!quiet) process.stderr.write(`${text}\n`);
    },
  };
}
