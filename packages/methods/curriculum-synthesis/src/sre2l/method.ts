import type { DistillationMethod } from "@limbeck/core";
import { recoverMethod } from "../shared/recover-method.ts";
import type { RecoverState } from "../shared/recover.ts";
import { sre2lConfigSchema } from "./config.ts";
import { sre2lPresets } from "./presets.ts";

/**
 * SRe2L: images that a trained teacher is sure of and whose batch statistics, at every batch normalisation, are those of the
 * teacher's training.
 *
 *     x ← clamp( x − Adam(∇ CE(T(A(x)), y) + α·Σ_l (‖v_l − V_l‖ + ‖m_l − M_l‖)) )
 *
 * A: a random resized crop, mirrored by chance, then a circular shift; one for the batch. Batches are recovered one after the
 * other, each from noise with an optimiser of its own, so memory does not grow with their number but for the finished images.
 *
 * Differs: 1e-12 under the roots of the norms. Differs: digits are not mirrored. Differs: images stay float32; the published code
 * writes them as 8-bit JPEG.
 *
 * @see Yin, Xing and Shen, "Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New Perspective"
 *   (NeurIPS 2023), section 3.2, and VILA-Lab/SRe2L, recover/data_synthesis.py.
 */
export const sre2l: DistillationMethod<typeof sre2lConfigSchema, RecoverState> = recoverMethod({
  id: "sre2l",
  title: "SRe2L: squeeze, recover and relabel",
  cite: `@inproceedings{yin2023sre2l,
  title     = {Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New Perspective},
  author    = {Yin, Zeyuan and Xing, Eric and Shen, Zhiqiang},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023}
}`,
  configSchema: sre2lConfigSchema,
  presets: sre2lPresets,
  scale: ({ crop }) => (crop === "none" ? undefined : [crop.low, crop.high]),
});
