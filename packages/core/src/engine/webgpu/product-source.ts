/** WGSL of a matrix product whose operands are read where they lie, in any order: what convolutions are. */

/**
 * What a product is computed in. `float32`. `half`: operands and the sums of {@link CHAIN} products are 16-bit floats, longer sums float32;
 * for devices with `shader-f16`. `half-emulated`: the same roundings in float32, which every device can do: what tests look at.
 */
export type Operands = "float32" | "half" | "half-emulated";

/** Where the operands of `result[row, column] = Σ_k left(row, k) · right(k, column)` are. */
export interface ProductSource {
  /** WGSL of `fn leftAt(row : i32, k : i32) -> f32` and `fn rightAt(k : i32, column : i32) -> f32` on arrays `left` and `right`; neither is
   * asked beyond the edges. */
  readonly declarations: string;
  /** The index whose neighbours lie side by side in `left`. */
  readonly leftAlong: "rows" | "depth";
  /** The index whose neighbours lie side by side in `right`. */
  readonly rightAlong: "columns" | "depth";
}

/** Rows and columns of the part of the result that one workgroup of 16 × 16 invocations computes, a square of 4 × 4 each. */
export const TILE = 64;
/** Products whose operands are fetched together. */
export const DEPTH = 16;

/** Products that are summed in half precision: each more adds a rounding, of up to 2⁻¹⁰ where a device cuts off. */
const CHAIN = 4;

/** Half-precision operands are scaled by a power of two until the largest is below 2⁶: a sum of four products then stays below 2¹⁴. */
const HALF_EXPONENT = 6;
/** Scales stay far from float32's own bounds. */
const LARGEST_EXPONENT = 100;

const QUADS = TILE / 4;

function elements(operands: Operands): string {
  const element = operands === "half" ? "f16" : "f32";
  const rounded = { float32: "v", half: "vec4<f16>(v)", "half-emulated": "quantizeToF16(v)" }[operands];
  const sum = operands === "half-emulated" ? "quantizeToF16(fma(a, b, sum))" : "fma(a, b, sum)";
  return `${operands === "half" ? "enable f16;\n" : ""}
alias Element = ${element};
fn toElements(v : vec4<f32>) -> vec4<Element> { return ${rounded}; }
fn plusProduct(sum : vec4<Element>, a : vec4<Element>, b : vec4<Element>) -> vec4<Element> { return ${sum}; }
fn exponentOf(largest : f32) -> i32 {
  return clamp(${HALF_EXPONENT} - frexp(largest).exp, ${-LARGEST_EXPONENT}, ${LARGEST_EXPONENT});
}
var<workgroup> leftTile : array<vec4<Element>, ${DEPTH * QUADS}>;
var<workgroup> rightTile : array<vec4<Element>, ${DEPTH * QUADS}>;`;
}

/** Fetches four neighbours in the index that is not the depth; neighbouring invocations fetch what lies side by side. */
function fetch(
  side: "left" | "right",
  along: string,
  limit: string,
  at: (k: string, i: string) => string,
): string {
  const isAlongDepth = along === "depth";
  const k = isAlongDepth ? `thread % ${DEPTH}` : `thread / ${QUADS}`;
  const quad = isAlongDepth ? `thread / ${DEPTH}` : `thread % ${QUADS}`;
  const first = side === "left" ? "firstRow" : "firstColumn";
  const lanes = [0, 1, 2, 3]
    .map((j) => `      if (i + ${j} < ${limit}) { v[${j}] = ${at("k0 + k", `i + ${j}`)}; }`)
    .join("\n");
  return `
    {
      let k = ${k};
      let quad = ${quad};
      let i = ${first} + 4 * quad;
      var v = vec4<f32>();
      if (k0 + k < end) {
${lanes}
      }
      ${side}Tile[k * ${QUADS} + quad] = toElements(v${`SCALED_${side}`});
    }`;
}

/**
 * Declarations and body of a program for `runProgram`: arrays `left` and `right`, with half-precision operands also `leftLargest` and
 * `rightLargest`, the largest magnitudes in them; uniforms `rows`, `columns`, `depth` and `steps`, the number of fetches that one workgroup
 * makes. The result is `[slices, rows, columns]`: slice s has the sum over its own {@link DEPTH} · `steps` products.
 */
export function productSource(
  source: ProductSource,
  operands: Operands,
): { readonly declarations: string; readonly body: string } {
  const isHalf = operands !== "float32";
  const scaled = (text: string): string =>
    text.replaceAll(/SCALED_(left|right)/g, isHalf ? " * $1Scale" : "");
  const rows = [0, 1, 2, 3];
  const each = (line: (j: number) => string): string => rows.map(line).join("\n");
  const sums = isHalf ? "part" : "sum";
  return {
    declarations: `${elements(operands)}\n${source.declarations}`,
    body: `
  let thread = index % 256;
  let group = index / 256;
  let across = (uniforms.columns + ${TILE - 1}) / ${TILE};
  let down = (uniforms.rows + ${TILE - 1}) / ${TILE};
  let slice = group / (across * down);
  let firstRow = group / across % down * ${TILE};
  let firstColumn = group % across * ${TILE};
  let end = min(uniforms.depth, (slice + 1) * uniforms.steps * ${DEPTH});
${
  isHalf
    ? `  let leftExponent = exponentOf(leftLargest[0]);
  let rightExponent = exponentOf(rightLargest[0]);
  let leftScale = ldexp(1f, leftExponent);
  let rightScale = ldexp(1f, rightExponent);`
    : ""
}
${each((j) => `  var sum${j} = vec4<f32>();`)}
  for (var step = 0; step < uniforms.steps; step++) {
    let k0 = (slice * uniforms.steps + step) * ${DEPTH};
${scaled(fetch("left", source.leftAlong, "uniforms.rows", (k, i) => `leftAt(${i}, ${k})`))}
${scaled(fetch("right", source.rightAlong, "uniforms.columns", (k, i) => `rightAt(${k}, ${i})`))}
    workgroupBarrier();
    for (var first = 0; first < ${DEPTH}; first += ${CHAIN}) {
${isHalf ? each((j) => `      var part${j} = vec4<Element>();`) : ""}
      for (var k = first; k < first + ${CHAIN}; k++) {
        let a = leftTile[k * ${QUADS} + thread / ${QUADS}];
        let b = rightTile[k * ${QUADS} + thread % ${QUADS}];
${each((j) => `        ${sums}${j} = plusProduct(${sums}${j}, vec4<Element>(a[${j}]), b);`)}
      }
${isHalf ? each((j) => `      sum${j} += vec4<f32>(part${j});`) : ""}
    }
    workgroupBarrier();
  }
  let row = firstRow + thread / ${QUADS} * 4;
  let column = firstColumn + thread % ${QUADS} * 4;
  if (group < uniforms.slices * across * down) {
    for (var i = 0; i < 4; i++) {
      if (column + i < uniforms.columns) {
        let at = (slice * uniforms.rows + row) * uniforms.columns + column + i;
${each(
  (j) =>
    `        if (row + ${j} < uniforms.rows) { result[at + ${j} * uniforms.columns] = sum${j}[i]${isHalf ? " * ldexp(1f, -leftExponent) * ldexp(1f, -rightExponent)" : ""}; }`,
)}
      }
    }
  }`,
  };
}
