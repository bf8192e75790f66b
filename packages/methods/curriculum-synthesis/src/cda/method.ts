import type { DistillationMethod } from "@limbeck/core";
import { smallestCrop } from "../shared/crop-curriculum.ts";
import { recoverMethod } from "../shared/recover-method.ts";
import type { RecoverState } from "../shared/recover.ts";
import { cdaConfigSchema } from "./config.ts";
import { cdaPresets } from "./presets.ts";

/**
 * CDA: SRe2L whose crops begin with the whole image and end with crops of every scale, so that images get one global structure
 * before they get details. All else, and the cost, is SRe2L's.
 *
 * Differs: a milestone of 0, the code's default, which silently leaves the curriculum out, is refused; `mode: "constant"` is
 * SRe2L.
 *
 * @see Yin and Shen, "Dataset Distillation via Curriculum Data Synthesis in Large Data Era" (TMLR 2024), and VILA-Lab/SRe2L,
 *   CDA/recover_cda_in1k.py.
 */
export const cda: DistillationMethod<typeof cdaConfigSchema, RecoverState> = recoverMethod({
  id: "cda",
  title: "CDA: curriculum data synthesis",
  cite: `@article{yin2024cda,
  title   = {Dataset Distillation via Curriculum Data Synthesis in Large Data Era},
  author  = {Yin, Zeyuan and Shen, Zhiqiang},
  journal = {Transactions on Machine Learning Research},
  year    = {2024}
}`,
  configSchema: cdaConfigSchema,
  presets: cdaPresets,
  scale: ({ curriculum, iterations }, t) => [smallestCrop(curriculum, t, iterations), curriculum.high],
});
