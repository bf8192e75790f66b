import { hardLabels, setImages, type SyntheticSet } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";
import { teacherFor, type Teacher } from "./teacher.ts";

/** Images scored at once. */
const BATCH = 64;

/**
 * Share of a set's stored classes, in percent, that the teacher gives its images too. Near chance it is a sign that the classes of
 * the two are in another order, whatever their names say.
 *
 * @throws {ConfigError} as {@link teacherFor}.
 */
export async function teacherAgreement(
  set: SyntheticSet,
  given: Teacher,
  renormalise = false,
): Promise<number> {
  const teacher = teacherFor(set, given, renormalise);
  const images = setImages(set);
  const [count] = images.shape;
  const classes = hardLabels(set);
  let agreed = 0;
  try {
    for (let start = 0; start < count; start += BATCH) {
      const length = Math.min(BATCH, count - start);
      const best = tf.tidy(() =>
        tf.argMax(teacher.scores(tf.slice(images, [start, 0, 0, 0], [length, -1, -1, -1])), 1),
      );
      const found = await best.data();
      best.dispose();
      // Decoded images follow each other as the stored ones do, once for each part.
      found.forEach((label, i) => (agreed += label === classes[(start + i) % set.size] ? 1 : 0));
    }
  } finally {
    images.dispose();
  }
  return (100 * agreed) / count;
}
