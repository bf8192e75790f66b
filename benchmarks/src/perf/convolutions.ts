import * as tf from "@tensorflow/tfjs-core";
import { fixedDraws } from "./fixed-draws.ts";
import type { Workload } from "./measure.ts";

/** The middle convolution of ConvNet-3 on 64 images: 3×3, 128 to 128 channels, 16×16. */
const IMAGES = [64, 16, 16, 128] as const;
const FILTER = [3, 3, 128, 128] as const;
const ATTRIBUTES = { strides: [1, 1], pad: "same", dataFormat: "NHWC", dilations: [1, 1] };

/** Streams of {@link fixedDraws}; the peer has the same. */
const STREAM = { images: 1, filter: 2, gradient: 3 } as const;

/** A convolution or one of its transposes. */
interface Product {
  readonly name: string;
  readonly unit: string;
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, keyof typeof STREAM>>;
  readonly attributes?: object;
}

const PRODUCTS: readonly Product[] = [
  {
    name: "convolution",
    unit: "a convolution",
    kernel: tf.Conv2D,
    inputs: { x: "images", filter: "filter" },
  },
  {
    name: "convolution-in-input",
    unit: "a convolution's gradient in its input",
    kernel: tf.Conv2DBackpropInput,
    inputs: { dy: "gradient", filter: "filter" },
    attributes: { inputShape: IMAGES },
  },
  {
    name: "convolution-in-filter",
    unit: "a convolution's gradient in its filter",
    kernel: tf.Conv2DBackpropFilter,
    inputs: { x: "images", dy: "gradient" },
    attributes: { filterShape: FILTER },
  },
];

/** The three products that networks and all their derivatives are made of, each by itself and with the mean square of its result. */
export const convolutions: readonly Workload[] = PRODUCTS.map((product) => ({
  name: product.name,
  unit: `${product.unit}, 3×3, 128 to 128 channels, 64 images of 16×16`,
  multiplyAdds: () => tf.util.sizeFromShape([...IMAGES]) * FILTER[0] * FILTER[1] * FILTER[3],
  isComparable: true,
  prepare() {
    const inputs = Object.fromEntries(
      Object.entries(product.inputs).map(([name, stream]) => [name, drawn(stream)]),
    );
    const attributes = { ...ATTRIBUTES, ...product.attributes } as unknown as tf.NamedAttrMap;
    return {
      async run() {
        const meanSquare = tf.tidy(() => {
          const result: tf.Tensor = tf.engine().runKernel(product.kernel, inputs, attributes);
          return tf.mean(tf.square(result));
        });
        const [found] = await meanSquare.data();
        meanSquare.dispose();
        return Math.sqrt(found!);
      },
      dispose: () => tf.dispose(inputs),
    };
  },
}));

/** Numbers in [-1, 1). */
function drawn(stream: keyof typeof STREAM): tf.Tensor {
  const shape = [...(stream === "filter" ? FILTER : IMAGES)];
  const draws = fixedDraws(tf.util.sizeFromShape(shape), STREAM[stream]);
  return tf.tensor(
    Float32Array.from(draws, (u) => 2 * u - 1),
    shape,
  );
}
