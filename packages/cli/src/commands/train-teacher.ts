import {
  accuracy,
  teacherParts,
  trainedTeacherConfig,
  trainedTeacherSchema,
  trainTeacher,
  type TrainedTeacherConfig,
} from "@limbeck/core";
import type { Command } from "commander";
import { registerTraining } from "./register-training.ts";

/** `limbeck train-teacher <dataset> --out …`: a teacher, for `relabel`, `evaluate` and the methods that recover images from one. */
export function registerTrainTeacher(program: Command): void {
  registerTraining<TrainedTeacherConfig>(program, {
    name: "train-teacher",
    description: "train a teacher, for relabel --teacher and methods' teacher.file",
    defaults: trainedTeacherSchema.parse({}),
    views: 1,
    smallestBatch: 1,
    otherKeys: "learningRate=0.05 or weightDecay=0",
    file: "teacher.safetensors",
    config: trainedTeacherConfig,
    parts: (context, config) => teacherParts(context, "teacher", config),
    train: trainTeacher,
    async report({ normalisation, ...model }, { test }, _, path) {
      const { percent, total } = await accuracy({ ...model, normalisation, split: test });
      return {
        json: { accuracy: { percent, images: total } },
        text:
          `${percent.toFixed(1)} % of ${total} test images\n` +
          `next: limbeck distill DATASET --method rded --set teacher.file=${path} --set teacher.network=${model.network.name}, ` +
          `then limbeck relabel SET --teacher ${path}`,
      };
    },
  });
}
