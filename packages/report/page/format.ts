import type { ReportRecord } from "../src/model.ts";

export function percent(value: number): string {
  return value.toFixed(1);
}

/** `54.2 ± 0.8 (n = 5)`. */
export function accuracyText({ mean, std, accuracy }: ReportRecord): string {
  return std === undefined
    ? `${percent(mean)} (n = ${accuracy.length})`
    : `${percent(mean)} ± ${percent(std)} (n = ${accuracy.length})`;
}

/** What separates a record from the best of its kind. */
export function differenceText({ best, toBest, method }: ReportRecord): string {
  if (method === "full") return "bound";
  if (best) return "best";
  if (toBest === undefined) return "not known";
  const { mean, halfWidth, real } = toBest;
  return `${mean.toFixed(1)} ± ${halfWidth.toFixed(1)}, ${real ? "real" : "within noise"}`;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]!}`;
}

export function secondsText(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function totalBytes({ bytes }: Pick<ReportRecord, "bytes">): number {
  return bytes.images + bytes.labels + bytes.decoder;
}

/** Data set as it is named in tables. */
export function datasetText({ dataset, zca }: { dataset: string; zca: boolean }): string {
  return zca ? `${dataset}, ZCA` : dataset;
}
