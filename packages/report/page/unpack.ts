import type { Packed, PackedImages } from "../src/model.ts";

/** The bytes of a packed part of the page. */
export async function unpack(packed: Packed): Promise<Uint8Array> {
  const compressed = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const known = new WeakMap<PackedImages, Promise<Float32Array>>();

/** Images in pixel space, 0 black and 1 white; values may lie outside. Unpacked once. */
export function unpackImages(images: PackedImages): Promise<Float32Array> {
  let values = known.get(images);
  if (values === undefined) known.set(images, (values = unpackNow(images)));
  return values;
}

async function unpackNow({ bytes, bits, low, high }: PackedImages): Promise<Float32Array> {
  const raw = await unpack(bytes);
  const step = (high - low) / (2 ** bits - 1);
  if (bits === 8) return Float32Array.from(raw, (level) => low + level * step);
  const length = raw.length / 2;
  return Float32Array.from({ length }, (_, i) => low + (raw[i]! * 256 + raw[length + i]!) * step);
}
