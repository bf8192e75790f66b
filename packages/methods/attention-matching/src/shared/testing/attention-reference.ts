import { foldIn, type RunContext } from "@limbeck/core";
import * as tf from "@tensorflow/tfjs-core";

/** A step whose term is computed again: of the toy set's three classes, all real images against all synthetic ones. */
interface MatchedStep {
  readonly run: RunContext;
  readonly network: string;
  /** `[3·ipc, H, W, C]`. */
  readonly images: tf.Tensor4D;
  /** Exponent of the magnitudes. */
  readonly power: number;
  /** Which entry of an image's map an activation adds to: its position, or its channel. */
  readonly entry: (position: number, channel: number) => number;
}

/**
 * `Σ_c ‖ mean m(R_c) − mean m(S_c) ‖²` of the first block in the first step, by plain loops on the network's activations; m is a map
 * of `Σ |a|^p`, divided by its norm.
 */
export function attentionDistance({ run, network: name, images, power, entry }: MatchedStep): number {
  const network = run.network(name);
  const theta = network.init(foldIn(foldIn(run.key, 0), "network"));
  const meanMap = (batch: tf.Tensor4D): number[] => {
    const [activation] = network.apply(theta, batch, { activations: true }).activations!;
    const [n, h, w, c] = activation!.shape;
    const values = activation!.dataSync();
    const mean: number[] = [];
    for (let i = 0; i < n; i++) {
      const map: number[] = [];
      for (let p = 0; p < h * w; p++)
        for (let k = 0; k < c; k++) {
          const at = entry(p, k);
          map[at] = (map[at] ?? 0) + Math.abs(values[(i * h * w + p) * c + k]!) ** power;
        }
      const norm = Math.hypot(...map);
      map.forEach((value, at) => (mean[at] = (mean[at] ?? 0) + value / norm / n));
    }
    return mean;
  };
  const perClass = images.shape[0] / 3;
  let distance = 0;
  for (let label = 0; label < 3; label++) {
    const real = meanMap(run.real.read(run.real.ofClass(label)));
    const synthetic = meanMap(tf.slice(images, [label * perClass, 0, 0, 0], [perClass, -1, -1, -1]));
    distance += real.reduce((sum, value, at) => sum + (value - synthetic[at]!) ** 2, 0);
  }
  return distance;
}
