import { ConfigError, type ScoreModel, type SyntheticSet, type TrainedModel } from "@limbeck/core";
import { zooEncoder, type Encoder, type HeadWeights } from "./projector/encoder.ts";
import { projectorScores, unpackProjector } from "./projector/projector.ts";
import { networkTeacher, teacherFor } from "./teacher.ts";

/** A model of class scores, and how to free what it holds beside the network it was given. */
export interface LabelModel extends ScoreModel {
  dispose(): void;
}

/**
 * What scores the views of a set whose labels are not stored.
 *
 * @param network The teacher or the encoder that the labels name; its tensors must live as long as the result is used.
 * @param textHead The start of the projector's head, where it comes from texts.
 * @throws {ConfigError} if the set stores its labels, or they are of another teacher or encoder.
 * @throws {DataError} if the stored numbers do not fit the encoder.
 */
export function labelModelOf(
  set: SyntheticSet,
  network: TrainedModel | Encoder,
  textHead?: HeadWeights,
): LabelModel {
  const { labels } = set;
  if (labels.kind !== "projector") {
    throw new ConfigError(
      `label model: the labels of the set are ${labels.kind} and need no network, got one; leave it out`,
    );
  }
  const { header } = labels.projector;
  if (header.model["kind"] === "projector") {
    const encoder = "withHead" in network ? network : zooEncoder(network);
    return projectorScores(unpackProjector(labels.projector, encoder, textHead), set.normalisation);
  }
  if ("withHead" in network) {
    throw new ConfigError(
      "label model: the labels are of an online teacher, got an encoder; give the teacher",
    );
  }
  const teacher = networkTeacher(network);
  if (teacher.sha256 !== header.teacher) {
    throw new ConfigError(
      `label model: the labels are of teacher ${header.teacher.slice(0, 12)}, got ${teacher.sha256.slice(0, 12)}; give that teacher, or label the set again`,
    );
  }
  return { ...teacherFor(set, teacher, true), dispose() {} };
}
