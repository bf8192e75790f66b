import { createHash } from "node:crypto";
import { labelBytes, type LabelCodec } from "./label-codec.ts";

/** Bytes that are read in parts, from memory or a file. */
export interface ByteSource {
  readonly byteLength: number;
  /** `length` bytes from `offset` on. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * The views of a training: order, batches and augmentation all follow from `seed`, so nothing of them is stored. View batch `number` is
 * batch `number mod perEpoch` of epoch `⌊number / perEpoch⌋`.
 */
export interface ViewPlan {
  /** Training images N: those of the set, decoded. */
  readonly size: number;
  /** At most `size`. */
  readonly batchSize: number;
  readonly epochs: number;
  readonly seed: number;
  /** As in a recipe. */
  readonly augmentation: string;
  readonly mixing?: {
    readonly kind: "mixup" | "cutmix";
    readonly alpha: number;
    readonly probability: number;
  };
}

/** Which of a plan's view batches have labels, and how an epoch of training takes its own from them. */
export interface StoredBatches {
  /** The first `count` in the plan's order: as good as any, for the views are random. */
  readonly count: number;
  /**
   * `order`: epoch e takes those of the plan's epoch e; all must be stored. `batches`, `epochs`: as many drawn with replacement,
   * single ones or whole epochs.
   */
  readonly draw: "order" | "batches" | "epochs";
}

/** What the labels of views are about; the first part of a label file. */
export interface ViewsHeader {
  /** `hashImages` of the set that they belong to. */
  readonly images: string;
  /** Who gave them: content hash or description of the teacher. */
  readonly teacher: string;
  readonly classes: number;
  readonly codec: LabelCodec;
  /** `static`: one label for each training image, whatever the view; mixed images get mixed scores. */
  readonly views:
    | { readonly kind: "static"; readonly size: number }
    | { readonly kind: "augmented"; readonly plan: ViewPlan; readonly stored: StoredBatches };
}

/** Labels of views: fixed-size records, so that any batch is found without reading others. */
export interface StoredViews {
  readonly header: ViewsHeader;
  readonly records: ByteSource;
}

/** What a stored projector is about; the first part of its file. */
export interface ProjectorHeader {
  /** `hashImages` of the set that it belongs to. */
  readonly images: string;
  readonly teacher: string;
  readonly classes: number;
  /** Everything about the model but its numbers; whoever made it reads it. */
  readonly model: Readonly<Record<string, unknown>>;
}

/** A model from images to class scores, less the encoder that both sides have. */
export interface StoredProjector {
  readonly header: ProjectorHeader;
  readonly records: ByteSource;
}

/** Batches of one epoch; the last may be smaller. */
export function batchesPerEpoch({ size, batchSize }: Pick<ViewPlan, "size" | "batchSize">): number {
  return Math.ceil(size / batchSize);
}

/** Number of the first view of a view batch and how many it has. */
export function viewRange(
  { size, batchSize }: Pick<ViewPlan, "size" | "batchSize">,
  number: number,
): { readonly first: number; readonly count: number } {
  const perEpoch = batchesPerEpoch({ size, batchSize });
  const within = (number % perEpoch) * batchSize;
  return {
    first: Math.floor(number / perEpoch) * size + within,
    count: Math.min(batchSize, size - within),
  };
}

/** Labels that a header promises. */
function labelCount({ views }: Pick<ViewsHeader, "views">): number {
  return views.kind === "static" ? views.size : viewRange(views.plan, views.stored.count).first;
}

/** Bytes of the records that a header promises. */
export function recordsLength(header: ViewsHeader): number {
  return labelCount(header) * labelBytes(header.codec, header.classes);
}

/** Bytes in memory as a source. */
export function memoryBytes(bytes: Uint8Array): ByteSource {
  return { byteLength: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** SHA-256 of a source, read in parts, hexadecimal. */
export function hashBytes(source: ByteSource): string {
  const part = 1 << 20;
  const hash = createHash("sha256");
  for (let at = 0; at < source.byteLength; at += part) {
    hash.update(source.read(at, Math.min(part, source.byteLength - at)));
  }
  return hash.digest("hex");
}
