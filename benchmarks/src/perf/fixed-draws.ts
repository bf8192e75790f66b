/**
 * Numbers in [0, 1) that `peers/torch_recover.py` draws too, bit for bit: a 32-bit integer hash of the index and the stream. Peers that have
 * the same numbers can be held against each other by their results.
 */
export function fixedDraws(count: number, stream: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => {
    let x = (Math.imul(index, 0x9e3779b1) + Math.imul(stream, 0x85ebca77)) | 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x7feb352d);
    x ^= x >>> 15;
    x = Math.imul(x, 0x846ca68b);
    x ^= x >>> 16;
    return (x >>> 0) / 2 ** 32;
  });
}
