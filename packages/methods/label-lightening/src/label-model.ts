import { ConfigError, type ScoreModel, type SyntheticSet, type TrainedModel } from "@limbeck/core";
import { networkTeacher, teacherFor } from "./teacher.ts";

/**
 * What scores the views of a set whose labels are not stored.
 *
 * @param network The teacher that the labels name; its tensors must live as long as the result is used.
 * @throws {ConfigError} if the set stores its labels, or they are of another teacher.
 */
export function labelModelOf(set: SyntheticSet, network: TrainedModel): ScoreModel {
  const { labels } = set;
  if (labels.kind !== "projector") {
    throw new ConfigError(
      `label model: the labels of the set are ${labels.kind} and need no network, got one; leave it out`,
    );
  }
  const teacher = networkTeacher(network);
  const { teacher: wanted } = labels.projector.header;
  if (teacher.sha256 !== wanted) {
    throw new ConfigError(
      `label model: the labels are of teacher ${wanted.slice(0, 12)}, got ${teacher.sha256.slice(0, 12)}; give that teacher, or label the set again`,
    );
  }
  return teacherFor(set, teacher, true);
}
