/** The command that repeats a distillation, every key of its configuration spelt out. */
export function distillCommand(run: {
  readonly dataset: string;
  readonly method: string;
  readonly zca: boolean;
  readonly seed: number;
  readonly config: Readonly<Record<string, unknown>>;
}): string {
  const keys = leaves("", run.config).map(([key, value]) => `--set ${quoted(`${key}=${value}`)}`);
  return [
    "limbeck distill",
    quoted(run.dataset),
    "--method",
    quoted(run.method),
    ...(run.zca ? ["--zca"] : []),
    "--seed",
    String(run.seed),
    ...keys,
  ].join(" ");
}

/** The command that repeats an evaluation of a set file. */
export function evaluateCommand(
  path: string,
  { network, protocol, seeds }: { network: string; protocol: string; seeds: readonly number[] },
): string {
  return `limbeck evaluate ${quoted(path)} --network ${quoted(network)} --protocol ${quoted(protocol)} --seeds ${seeds.join(",")}`;
}

function leaves(path: string, value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value === undefined ? [] : [[path, JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, leaf]) => leaves(path === "" ? key : `${path}.${key}`, leaf));
}

/** One word of a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
