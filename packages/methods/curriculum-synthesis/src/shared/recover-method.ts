import {
  preparedTeacher,
  teacherParts,
  type DistillationMethod,
  type Preset,
  type TeacherConfig,
} from "@limbeck/core";
import type { z } from "zod";
import type { RecoverConfig } from "./config.ts";
import { disposeTeacher } from "./dispose-teacher.ts";
import {
  initialRecovery,
  recoverForecast,
  recoverResult,
  recoverStep,
  recoverSteps,
  teacherLoss,
  type RecoverState,
} from "./recover.ts";

/** Name of the teacher among the prepared parts. */
const TEACHER = "teacher";

type OneTeacherConfig = RecoverConfig & { readonly teacher: TeacherConfig };

interface RecoverMethodOptions<Schema extends z.ZodType<OneTeacherConfig>> {
  readonly id: string;
  readonly title: string;
  readonly cite: string;
  readonly configSchema: Schema;
  readonly presets: Readonly<Record<string, Preset<z.input<Schema>>>>;
  /** Range of crop scales at iteration `t` of a batch; none: no crop and no flip. */
  readonly scale: (config: z.output<Schema>, t: number) => readonly [low: number, high: number] | undefined;
}

/** A method that recovers images from one teacher: what SRe2L and CDA share. They differ in the crops that the teacher sees. */
export function recoverMethod<Schema extends z.ZodType<OneTeacherConfig>>(
  options: RecoverMethodOptions<Schema>,
): DistillationMethod<Schema, RecoverState> {
  const { scale, ...method } = options;
  return {
    ...method,
    steps: recoverSteps,
    forecast: (context, config) => recoverForecast(context, config, [config.teacher.network]),
    prepare: (context, { teacher }) => teacherParts(context, TEACHER, teacher),
    init: initialRecovery,
    step(context, state, config, step) {
      const teacher = preparedTeacher(context, TEACHER, config.teacher);
      try {
        return recoverStep(context, state, config, step, {
          scale: (t) => scale(config, t),
          viewLoss: teacherLoss(teacher, config),
        });
      } finally {
        disposeTeacher(teacher);
      }
    },
    result: recoverResult,
  };
}
