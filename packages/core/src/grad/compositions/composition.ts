import type * as tf from "@tensorflow/tfjs-core";

/**
 * A kernel composed from other kernels. Values only: what is computed inside a kernel is not recorded, and the gradients of
 * composed kernels are registered like those of all others. `undefined` leaves these inputs to the back end's own kernel.
 */
export type Composition = (
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: tf.NamedAttrMap,
) => tf.Tensor | undefined;

/** Padding as tfjs's kernels take it. */
export type Pad = "valid" | "same" | number | tf.backend_util.ExplicitPadding;
