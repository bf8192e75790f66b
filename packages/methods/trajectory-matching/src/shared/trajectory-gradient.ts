import {
  ensureGradients,
  gradientAlong,
  meanOverPieces,
  RunError,
  type SamplePiece,
  WHOLE_BATCH,
} from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Loss of the student's step number `step` at parameters θ `[P]`, given all stored images X `[S, H, W, C]` and their label rows Y
 * `[S, K]`: choosing a batch, decoding and augmenting it are part of it. The same step number must mean the same batch and
 * the same augmentation. Twice differentiable.
 *
 */
export interface StudentLoss {
  /**
   * @param differentiate `parameters`: only the derivative in θ will be taken.
   * @param piece Of the step's batch, one of `pieces`: the mean over it is wanted. Default: the whole batch.
   */
  (
    theta: tf.Tensor1D,
    images: tf.Tensor4D,
    labels: tf.Tensor2D,
    step: number,
    differentiate: "both" | "parameters",
    piece?: SamplePiece,
  ): tf.Scalar;
  /** How a step's batch may be split, where the loss is a mean over independent samples. Default: not at all. */
  pieces?(step: number): readonly SamplePiece[];
}

/** Where the student should be after so many of its steps. */
export interface Waypoint {
  /** 1 … steps. */
  readonly step: number;
  /** An expert's parameters `[P]`. */
  readonly target: tf.Tensor1D;
  /** Of its distance in the loss. */
  readonly weight: number;
}

/** A student's training run and what it is compared with. */
export interface Trajectory {
  /** θ_0 `[P]`. */
  readonly start: tf.Tensor1D;
  readonly waypoints: readonly Waypoint[];
  /** `[S, H, W, C]`. */
  readonly images: tf.Tensor4D;
  /** `[S, K]`. */
  readonly labels: tf.Tensor2D;
  /** N ≥ 1. */
  readonly steps: number;
  /** η > 0. */
  readonly stepSize: number;
  /** μ of the student's SGD; default 0. */
  readonly momentum?: number;
  /** `exact` (default), or TESLA's published `truncated` one, see {@link trajectoryGradient}. */
  readonly gradient?: "exact" | "truncated";
}

/** The matching loss and its derivatives. The caller owns the tensors. */
export interface TrajectoryGradient {
  readonly loss: number;
  /** Relative distance to every waypoint, unweighted: 1 means no nearer than at the start. */
  readonly distances: readonly number[];
  /** `[S, H, W, C]`. */
  readonly images: tf.Tensor4D;
  /** `[S, K]`. */
  readonly labels: tf.Tensor2D;
  readonly stepSize: number;
}

/**
 * Matching loss of a student's training run and its total derivative in images, labels and step size, without the unrolled graph:
 *
 *     u_i = μ·u_{i−1} + g_i      θ_{i+1} = θ_i − η·u_i      g_i = ∇θ loss(θ_i, X, Y)
 *     L = Σ_k w_k · ‖θ_{s_k} − θ*_k‖² / ‖θ_0 − θ*_k‖²
 *
 * Only θ_0 … θ_N are kept. Walking back with λ = ∂L/∂θ_{i+1} (each waypoint adds its own when it is reached) and
 * κ ← μ·κ + λ, step i contributes −η·∂⟨g_i, κ⟩/∂X, −η·∂⟨g_i, κ⟩/∂Y and −⟨g_i, κ⟩ to the three derivatives, and
 * λ ← λ − η·∂⟨g_i, κ⟩/∂θ. Each step costs one gradient and one second derivative along a vector; memory is that of one step
 * and N + 1 vectors, or of one piece of a step where the loss can be split: all of these are sums over samples.
 *
 * `truncated` leaves out the last update: g_j is taken not to depend on the steps before j. That is the gradient TESLA
 * publishes, exact only where η·N·‖H‖ is small.
 *
 * @throws {RunError} if a waypoint is where the student starts: there is nothing to match.
 * @see Cazenavette et al., "Dataset Distillation by Matching Training Trajectories" (CVPR 2022), equation 2; Cui et al., "Scaling
 * Up Dataset Distillation to ImageNet-1K with Constant Memory" (ICML 2023).
 */
export function trajectoryGradient(loss: StudentLoss, trajectory: Trajectory): TrajectoryGradient {
  ensureGradients();
  const { images, labels, steps, stepSize, momentum = 0, waypoints } = trajectory;
  const exact = trajectory.gradient !== "truncated";
  let [stepSizeGradient, distances]: [number, number[]] = [0, []];
  const tensors = tf.tidy(() => {
    const snapshots = studentSnapshots(loss, trajectory);
    const compared = waypoints.map((waypoint) =>
      compare(trajectory.start, snapshots[waypoint.step]!, waypoint),
    );
    distances = compared.map(({ distance }) => distance);
    // λ, κ, and the sums of the derivatives in X and Y.
    let walk = tf.tidy(() => [
      tf.zerosLike(trajectory.start),
      tf.zerosLike(trajectory.start),
      tf.zerosLike(images),
      tf.zerosLike(labels),
    ]);
    for (let i = steps - 1; i >= 0; i--) {
      const before = walk;
      const value: number[] = [];
      walk = tf.tidy(() => {
        const reached = compared.filter((_, k) => waypoints[k]!.step === i + 1).map(({ slope }) => slope);
        const lambda = tf.addN([before[0]!, ...reached]) as tf.Tensor1D;
        const kappa = (momentum === 0 ? lambda : tf.add(tf.mul(before[1]!, momentum), lambda)) as tf.Tensor1D;
        // Nothing reads λ before the first step, and TESLA's does not change.
        const moves = exact && i > 0;
        const [inner, byImages, byLabels, byTheta] = meanOverPieces(piecesOf(loss, i), (piece) => {
          const along = gradientAlong(
            (theta, x, y) => loss(theta, x, y, i, "both", piece),
            snapshots[i]!,
            images,
            labels,
            kappa,
            moves ? "both" : "images",
          );
          return [along.value, along.images, along.labels, ...(moves ? [along.theta] : [])];
        }) as [tf.Scalar, tf.Tensor4D, tf.Tensor2D, tf.Tensor1D?];
        value.push(inner.dataSync()[0]!);
        return [
          byTheta === undefined ? tf.clone(lambda) : tf.sub(lambda, tf.mul(byTheta, stepSize)),
          tf.clone(kappa),
          tf.sub(before[2]!, tf.mul(byImages, stepSize)),
          tf.sub(before[3]!, tf.mul(byLabels, stepSize)),
        ];
      });
      stepSizeGradient -= value[0]!;
      tf.dispose([before, i === 0 ? [] : snapshots[i]!]);
    }
    return [walk[2]!, walk[3]!];
  });
  return {
    loss: distances.reduce((sum, distance, k) => sum + waypoints[k]!.weight * distance, 0),
    distances,
    images: tensors[0] as tf.Tensor4D,
    labels: tensors[1] as tf.Tensor2D,
    stepSize: stepSizeGradient,
  };
}

/** θ_0 … θ_N; the first is `start` itself. */
function studentSnapshots(
  loss: StudentLoss,
  { start, images, labels, steps, stepSize, momentum = 0 }: Trajectory,
): tf.Tensor1D[] {
  const snapshots = [start];
  let velocity: tf.Tensor | undefined;
  for (let i = 0; i < steps; i++) {
    const theta = snapshots[i]!;
    const [next, kept] = tf.tidy(() => {
      const [slope] = meanOverPieces(piecesOf(loss, i), (piece) => [
        tf.grad((at) => loss(at as tf.Tensor1D, images, labels, i, "parameters", piece))(theta),
      ]);
      const gradient = slope!;
      const direction = velocity === undefined ? gradient : tf.add(tf.mul(velocity, momentum), gradient);
      const moved = tf.sub(theta, tf.mul(direction, stepSize));
      return momentum === 0 ? [moved] : [moved, direction];
    });
    velocity?.dispose();
    velocity = kept;
    snapshots.push(next as tf.Tensor1D);
  }
  velocity?.dispose();
  return snapshots;
}

function piecesOf(loss: StudentLoss, step: number): readonly SamplePiece[] {
  return loss.pieces?.(step) ?? [WHOLE_BATCH];
}

/** The relative distance of a waypoint, and its weighted derivative in the student's parameters. */
function compare(
  start: tf.Tensor1D,
  reached: tf.Tensor1D,
  { target, weight, step }: Waypoint,
): { readonly distance: number; readonly slope: tf.Tensor1D } {
  const [scale, rest] = tf.tidy(() =>
    [start, reached].map((from) => tf.sum(tf.squaredDifference(from, target)).dataSync()[0]!),
  ) as [number, number];
  if (scale === 0) {
    throw new RunError(
      `trajectory matching: the expert has not moved between the start and the target after ${step} steps; train the experts with a higher learning rate`,
    );
  }
  return {
    distance: rest / scale,
    slope: tf.tidy(() => tf.mul(tf.sub(reached, target), (2 * weight) / scale) as tf.Tensor1D),
  };
}
