import { z } from "zod";

/** How labels are kept: the only place where an option, its range and its default are written. */
export const labelFormSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("views").describe("the teacher's scores of every augmented view of a training"),
    codec: z
      .string()
      .default("float16")
      .describe("float32, float16, int8, int4, top<k>, top<k>-minimum or top<k>-even"),
    keep: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe("share of the view batches that are labelled: 0.1 is ten times fewer"),
    draw: z
      .enum(["batches", "epochs"])
      .default("batches")
      .describe("what a training draws with replacement where `keep` is below 1"),
  }),
  z.strictObject({
    kind: z.literal("static").describe("one score vector for each image, whatever the view"),
    codec: z.string().default("float16"),
  }),
  z.strictObject({
    kind: z
      .literal("online")
      .describe("nothing stored: the teacher scores every view when a network is trained"),
  }),
]);

/** What a user writes. */
export type LabelFormInput = z.input<typeof labelFormSchema>;
/** What the code reads: defaults filled in. */
export type LabelForm = z.output<typeof labelFormSchema>;

interface FormPreset {
  /** Paper or repository file. */
  readonly source: string;
  readonly form: LabelFormInput;
}

const LPLD = "Xiao and He 2024; he-y/soft-label-pruning-for-dataset-distillation";
const LPQLD = "LPQLD; he-y/soft-label-pruning-quantization-for-dataset-distillation";

/** Named forms. */
export const labelForms = {
  views: {
    source: "Yin, Xing and Shen 2023; VILA-Lab/SRe2L: float16 scores of every view",
    form: { kind: "views" },
  },
  "views-int8": { source: "one byte a score, one scale a label", form: { kind: "views", codec: "int8" } },
  "views-int4": { source: "half a byte a score, one scale a label", form: { kind: "views", codec: "int4" } },
  "lpld-x10": { source: LPLD, form: { kind: "views", keep: 0.1 } },
  "lpld-x20": { source: LPLD, form: { kind: "views", keep: 0.05 } },
  "lpld-x40": { source: LPLD, form: { kind: "views", keep: 0.025 } },
  "lpld-x20-top1": {
    source:
      "pruning with FKD's smoothing of one score: five bytes a view, a 75th of all of ten classes' float16",
    form: { kind: "views", keep: 0.05, codec: "top1-even" },
  },
  "lpqld-top10": { source: LPQLD, form: { kind: "views", keep: 0.1, codec: "top10" } },
  "fkd-top5": {
    source: "Shen and Xing 2022; szq0214/FKD: marginal smoothing of the five largest",
    form: { kind: "views", codec: "top5-even" },
  },
  infer: {
    source: "Zhang et al. 2025; zhangxin-xd/UFC, val_static.py: one label an image, mixed as scores",
    form: { kind: "static" },
  },
  online: {
    source: "Sun et al. 2024; LINs-lab/RDED: the teacher itself",
    form: { kind: "online" },
  },
} as const satisfies Readonly<Record<string, FormPreset>>;
