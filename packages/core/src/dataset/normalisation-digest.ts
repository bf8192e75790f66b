import { createHash } from "node:crypto";
import type { Normalisation } from "./image-dataset.ts";

/** SHA-256 of a normalisation's numbers: part of the identity of whatever is trained on its images. */
export function normalisationDigest(normalisation: Normalisation): string {
  const hash = createHash("sha256").update(normalisation.kind);
  hash.update(Float64Array.from(normalisation.mean));
  hash.update(Float64Array.from(normalisation.kind === "zca" ? normalisation.whiten : normalisation.std));
  return hash.digest("hex");
}
