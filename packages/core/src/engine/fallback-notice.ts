import type { PassedOver } from "./choose-backend.ts";

/** What to tell, in one line, where the automatic choice had to do without the native back end; else undefined. */
export function fallbackNotice(taken: string, passedOver: readonly PassedOver[]): string | undefined {
  const native = passedOver.find(({ backend }) => backend === "native");
  if (native === undefined || taken !== "wasm") return undefined;
  const line = `limbeck: no native back end (${native.reason}), going on with WASM, which is slower; ${native.fix}`;
  return line.replace(/\s+/g, " ");
}
