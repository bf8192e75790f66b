// Random calls of every function of an addon built with sanitizers (scripts/sanitize-addon.sh): fitting arguments of random sizes with
// NaN and infinities among the numbers, and arguments of no sense. A call may be refused with an error; nothing else may happen.
//   node scripts/fuzz-addon.mjs PATH-OF-ADDON [FIRST] [COUNT]
// Every case follows from its number alone (threads, instruction set and precision included): cases FIRST … FIRST + COUNT − 1 run, and
// a run that was stopped goes on from the last number that it printed.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const addon = createRequire(import.meta.url)(resolve(process.argv[2]));
const first = Number(process.argv[3] ?? 0);
const count = Number(process.argv[4] ?? 20_000);
let calls = 0;
/** The addon, its calls counted. */
const native = Object.fromEntries(
  Object.entries(addon).map(([name, call]) => [
    name,
    (...args) => {
      calls++;
      return call(...args);
    },
  ]),
);

let state = 0;
/** Starts the numbers of one case; `stream` sets apart what a case is from where it runs. */
function seed(number, stream) {
  state = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b);
  for (let i = 0; i < 4; i++) below(1);
}

/** A whole number below n. */
function below(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(((state >>> 8) / 2 ** 24) * n);
}
const upTo = (n) => 1 + below(n);
const flag = () => below(2) === 1;
const pick = (list) => list[below(list.length)];
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const SPECIAL = [NaN, Infinity, -Infinity, 0, 1e38];
/** Numbers to cut arrays from, with and without special ones among them. */
const POOLS = [0, 40].map((every) => {
  seed(every, 3);
  return Float32Array.from({ length: 2 ** 17 }, () =>
    every > 0 && below(every) === 0 ? pick(SPECIAL) : (below(2001) - 1000) / 300,
  );
});
const floats = (n) => {
  const pool = pick(POOLS);
  const begin = below(pool.length - n);
  return pool.slice(begin, begin + n);
};
const shapeOf = (rank, most) => Array.from({ length: rank }, () => upTo(most));
const denseStrides = (shape) => shape.map((_, i) => sizeOf(shape.slice(i + 1)));
const outSize = (size, pad, window, stride) => Math.floor((size + 2 * pad - window) / stride) + 1;

const NONSENSE = [
  () => undefined,
  () => null,
  () => true,
  () => "x",
  () => ({}),
  () => [],
  () => floats(0),
  () => floats(12),
  () => new Int32Array(12),
  () => new Uint8Array(12),
  () => below(4) - 1,
  () => 0.5,
  () => NaN,
  () => 2 ** 40,
  () => [1, 2, 3],
  () => [2, 2, 2, 1, 2, 2, 1, 1, 0, 0, 1, 1],
  () => [1, -1],
  () => ["x"],
  () => [1e300],
];
const functions = Object.keys(native).filter((name) => !/^(set|allocate|mapFile|measure)/.test(name));

/** Sizes that the convolution passes take by minimal filtering at `high` (where the tiles cover little more than is there). */
function winogradConvolution() {
  const side = () => pick([4, 6, 7, 8, 11, 12]);
  const pad = below(3);
  return [upTo(5), side(), side(), pick([16, 16, 32]), pick([16, 16, 32, 48]), 3, 3, 1, 1, pad, pad];
}

/** Of small blocks, first ones of few channels among them. */
function blockConvolution() {
  const [n, h, w, c, o] = [upTo(4), 2 + upTo(8), 2 + upTo(8), upTo(9), 2 * upTo(12)];
  const [k, stride, pad] = [upTo(4), upTo(2), below(3)];
  return [n, h, w, c, o, k, k, stride, stride, pad, pad];
}

// Indices into the addon's list of normalisations.
const [GROUP, BATCH] = [1, 2];

const cases = {
  unary() {
    const n = upTo(5000);
    native.unary(below(27), floats(n), floats(n), 0.3, 1.2);
  },
  binary() {
    const full = shapeOf(below(5), 9);
    const a = full.map((length) => (below(3) ? length : 1));
    const dropped = below(full.length + 1);
    const b = full.map((length) => (below(3) ? length : 1)).slice(dropped);
    const out = a.map((length, i) => (i < dropped ? length : Math.max(length, b[i - dropped])));
    const operands = [out, a, floats(sizeOf(a)), b, floats(sizeOf(b))];
    native.binary(below(10), ...operands, floats(sizeOf(out)));
    native.compare(below(6), ...operands, new Uint8Array(sizeOf(out)));
  },
  reduce() {
    const shape = shapeOf(upTo(4), below(20) ? 12 : 40);
    const axes = shape.map((_, i) => i).filter(flag);
    const left = sizeOf(shape.filter((_, i) => !axes.includes(i)));
    native.reduce(below(5), shape, axes, floats(sizeOf(shape)), floats(left));
  },
  copy() {
    const shape = shapeOf(upTo(4), 20);
    const order = shape.map((_, i) => i).sort(() => below(3) - 1);
    const out = order.map((i) => shape[i]);
    const strides = order.map((i) => denseStrides(shape)[i]);
    native.stridedCopy(out, floats(sizeOf(shape)), 0, strides, floats(sizeOf(shape)), 0, denseStrides(out));
  },
  pool() {
    const [n, h, w, c] = [upTo(3), upTo(9), upTo(9), upTo(70)];
    const [fh, fw, sh, sw] = [upTo(3), upTo(3), upTo(3), upTo(3)];
    const [top, left] = [below(fh), below(fw)];
    const [oh, ow] = [outSize(h, top, fh, sh), outSize(w, left, fw, sw)];
    if (oh < 1 || ow < 1) return;
    const shape = [n, h, w, c, fh, fw, sh, sw, top, left, oh, ow];
    const [x, y] = [n * h * w * c, n * oh * ow * c];
    native.avgPool(shape, floats(x), floats(y));
    native.maxPool(shape, floats(x), floats(y));
    native.avgPoolGrad(shape, floats(y), floats(x));
    native.maxPoolGrad(shape, floats(x), floats(y), floats(x));
  },
  conv() {
    const [n, h, w, c, o, fh, fw, sh, sw, top, left] = flag()
      ? winogradConvolution()
      : [
          ...[upTo(4), upTo(9), upTo(9), upTo(20), upTo(40)],
          ...[upTo(5), upTo(5), upTo(3), upTo(3), below(4), below(4)],
        ];
    const [oh, ow] = [outSize(h, top, fh, sh), outSize(w, left, fw, sw)];
    if (oh < 1 || ow < 1) return;
    const shape = [n, h, w, c, o, fh, fw, sh, sw, top, left, oh, ow];
    const [x, y, filter] = [n * h * w * c, n * oh * ow * o, fh * fw * c * o];
    native.convForward(shape, floats(x), floats(filter), flag() ? floats(o) : null, floats(y));
    native.convBackwardInput(shape, floats(y), floats(filter), floats(x));
    native.convBackwardFilter(shape, floats(x), floats(y), floats(filter));
  },
  matmul() {
    const [batch, m, n, k] = [upTo(3), upTo(60), upTo(60), upTo(60)];
    const [repeatA, repeatB] = [flag(), flag()];
    const a = floats((repeatA ? 1 : batch) * m * k);
    const b = floats((repeatB ? 1 : batch) * k * n);
    native.matmul([batch, m, n, k], a, repeatA, flag(), b, repeatB, flag(), floats(batch * m * n));
  },
  block() {
    const [n, h, w, c, o, k, , stride, , pad] = flag() ? winogradConvolution() : blockConvolution();
    const [oh, ow] = [outSize(h, pad, k, stride), outSize(w, pad, k, stride)];
    if (oh < 1 || ow < 1) return;
    const [norm, pool, power] = [below(3), below(3), pick([0, 0, 2, 4, 1.5])];
    const groups = norm === GROUP ? pick([1, 2, o]) : 0;
    const window = pool ? upTo(3) : 0;
    const shape = [n, h, w, c, o, k, k, stride, pad, norm, groups, 1e-3, below(3), 0.2, pool, window, power];
    const pooled = n * Math.floor(oh / (window || 1)) * Math.floor(ow / (window || 1)) * o;
    const [x, filter] = [n * h * w * c, k * k * c * o];
    const [bias, gamma, beta] = [flag() ? floats(o) : null, norm ? floats(o) : null, norm ? floats(o) : null];
    const inputs = [floats(x), floats(filter), bias, gamma, beta];
    const savedSize = native.blockSavedSize(shape);
    const saved = savedSize > 0 && flag() ? new Float32Array(savedSize) : null;
    const maybe = (size, exists = true) => (exists && below(3) ? floats(size) : null);
    const each = () => [maybe(x), maybe(filter), maybe(o, bias), maybe(o, gamma), maybe(o, beta)];
    const moments = norm === BATCH && flag() ? floats(2 * o) : null;
    native.blockForward(
      shape,
      ...inputs,
      floats(pooled),
      power ? floats(n * oh * ow) : null,
      saved,
      moments,
      power && flag() ? floats(n * o) : null,
    );
    const attention = power ? maybe(n * oh * ow) : null;
    const channelAttention = attention && maybe(n * o);
    native.blockBackward(shape, ...inputs, saved, floats(pooled), attention, channelAttention, ...each());
    if (power) return;
    native.blockBackwardBackward(
      shape,
      ...inputs,
      saved,
      floats(pooled),
      ...each(),
      maybe(pooled),
      ...each(),
    );
  },
  image() {
    const [n, h, w, c, oh, ow] = [upTo(3), upTo(8), upTo(8), upTo(4), upTo(9), upTo(9)];
    const grids = pick([1, n]);
    const grid = floats(grids * oh * ow * 2);
    const [x, y] = [n * h * w * c, n * oh * ow * c];
    native.affineSample([n, h, w, c, grids, oh, ow], floats(x), grid, floats(y));
    native.affineSampleTranspose([n, h, w, c, grids, oh, ow], floats(y), grid, floats(x));
    native.resizeBilinear([n, h, w, c, oh, ow], flag(), flag(), floats(x), floats(y));
    native.resizeBilinearGrad([n, h, w, c, oh, ow], flag(), flag(), floats(y), floats(x));
  },
  rows() {
    const [rows, columns] = [upTo(20), upTo(60)];
    const n = rows * columns;
    native.softmax(floats(n), floats(n), rows, columns, flag());
    native.castToInts(floats(n), new Int32Array(n));
    native.castToBytes(floats(n), new Uint8Array(n));
    native.argExtreme(flag(), [rows, columns, 3], floats(3 * n), new Int32Array(3 * rows));
    native.cumulativeSum([rows, columns, 2], floats(2 * n), floats(2 * n), flag(), flag());
    const ids = Int32Array.from({ length: rows }, () => below(9) - 2);
    native.segmentSum([rows, columns], 5, floats(n), ids, floats(5 * columns));
    native.oneHot(4, ids, 1, 0, floats(4 * rows));
    const indices = Int32Array.from({ length: 5 }, () => below(rows));
    native.gather([1, 1, rows, columns], 5, floats(n), indices, floats(5 * columns));
  },
  memory() {
    const buffer = native.allocate(upTo(below(50) ? 1e5 : 5e6));
    new Uint8Array(buffer)[0] = 1;
    if (flag()) native.release(buffer);
  },
  settings() {
    const machine = native.availableIsas();
    for (const isa of ["amx", "avx1024", "portable"]) {
      const known = machine.includes(isa);
      try {
        native.setIsa(isa);
        if (!known) throw new Error(`unknown error: setIsa took "${isa}", which this machine lacks`);
      } catch (error) {
        if (known || !/^setIsa: wanted an instruction set of this machine/.test(error.message)) throw error;
      }
    }
    native.isaProblem();
    native.setIsa(isa);
    if (below(200) === 0) native.releaseScratch();
    native.setPrecision(below(9) ? precision : "float16");
  },
  nonsense() {
    native[pick(functions)](...Array.from({ length: below(20) }, () => pick(NONSENSE)()));
  },
};

addon.measureCeilings();
const isas = addon.availableIsas();
const names = Object.keys(cases);
let [isa, precision, refused] = ["", "", 0];
for (let number = first; number < first + count; number++) {
  if (number === first || number % 200 === 0) {
    const run = Math.floor(number / 200);
    seed(run, 1);
    isa = pick(isas);
    precision = pick(["highest", "high", "default"]);
    native.setIsa(isa);
    native.setPrecision(precision);
    seed(Math.floor(run / 5), 2);
    native.setThreadCount(below(3) ? 1 : 1 + upTo(3));
  }
  seed(number, 0);
  try {
    cases[pick(names)]();
  } catch (error) {
    if (!(error instanceof Error) || /Node-API|unknown error/.test(error.message)) throw error;
    refused++;
  }
  const done = number + 1 - first;
  if (done % 10_000 === 0 || done === count) {
    console.log(`cases ${first} to ${number}: ${calls} calls, ${refused} cases refused, nothing found`);
  }
}
