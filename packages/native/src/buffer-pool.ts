/** Memory from outside the pool: how it is had and given back at once. */
export interface BlockSource {
  allocate(bytes: number): ArrayBuffer;
  release(buffer: ArrayBuffer): void;
}

interface Block {
  readonly capacity: number;
  /** Number of stored tensors whose values lie in this block. */
  holders: number;
}

interface IdleBlock {
  readonly buffer: ArrayBuffer;
  /** When it became idle, in releases: the oldest goes first. */
  readonly since: number;
}

/** Arrays below this many bytes come from JavaScript's heap: cheap there, and not worth a page of their own. */
const SMALLEST = 16384;
/** How many larger size classes are looked through for an idle block (up to 1.5 times the size). */
const REACH = 4;

/**
 * Reuses the memory of disposed tensors. Fresh pages cost more than most kernels, so blocks go back to a free list by size class.
 *
 * Only arrays made here are ever recycled, and only when no stored tensor's values lie in their block any more: arrays given by
 * the user, and views that share a block, are safe. What is idle is bounded: live and idle bytes together stay below
 * 1.5 times the largest live size so far plus 64 MiB, idle bytes alone below `limit`.
 */
export class BufferPool {
  readonly #source: BlockSource;
  readonly #blocks = new WeakMap<ArrayBufferLike, Block>();
  readonly #idle = new Map<number, IdleBlock[]>();
  #releases = 0;
  #live = 0;
  #idleBytes = 0;
  #peakLive = 0;
  #peak = 0;
  /** Largest number of idle bytes kept. */
  limit = 8 * 2 ** 30;

  constructor(source: BlockSource) {
    this.#source = source;
  }

  /** Bytes of blocks and arrays that stored tensors hold. */
  get liveBytes(): number {
    return this.#live;
  }
  /** Bytes kept for reuse. */
  get idleBytes(): number {
    return this.#idleBytes;
  }
  /** Largest sum of both since the start or {@link resetPeak}. */
  get peakBytes(): number {
    return this.#peak;
  }
  resetPeak(): void {
    this.#peakLive = this.#live;
    this.#peak = this.#live + this.#idleBytes;
  }

  /** An array of undefined contents: the caller must write every element. */
  floats(length: number): Float32Array<ArrayBuffer> {
    return length * 4 < SMALLEST
      ? new Float32Array(length)
      : new Float32Array(this.#take(length * 4), 0, length);
  }
  /** As {@link floats}. */
  ints(length: number): Int32Array<ArrayBuffer> {
    return length * 4 < SMALLEST ? new Int32Array(length) : new Int32Array(this.#take(length * 4), 0, length);
  }
  /** As {@link floats}. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return length < SMALLEST ? new Uint8Array(length) : new Uint8Array(this.#take(length), 0, length);
  }

  /** Whether the memory of this array will be used again once its tensors are gone. */
  recycles(values: ArrayBufferView): boolean {
    return this.#blocks.has(values.buffer);
  }

  /** A stored tensor holds these values from now on. */
  hold(values: unknown): void {
    if (!ArrayBuffer.isView(values)) return;
    const block = this.#blocks.get(values.buffer);
    if (block === undefined) this.#live += values.byteLength;
    else if (block.holders++ === 0) this.#live += block.capacity;
    this.#note();
  }

  /** A stored tensor holds these values no longer. */
  drop(values: unknown): void {
    if (!ArrayBuffer.isView(values)) return;
    const block = this.#blocks.get(values.buffer);
    if (block === undefined) {
      this.#live -= values.byteLength;
    } else if (--block.holders === 0) {
      this.#live -= block.capacity;
      this.#keep(values.buffer as ArrayBuffer, block.capacity);
    }
  }

  /** Gives back an array that no tensor came to hold. */
  recycle(values: ArrayBufferView): void {
    const block = this.#blocks.get(values.buffer);
    if (block?.holders === 0) this.#keep(values.buffer as ArrayBuffer, block.capacity);
  }

  /** Frees all idle memory. */
  trim(): void {
    this.#shrinkTo(0);
  }

  #take(bytes: number): ArrayBuffer {
    const wanted = sizeClass(bytes);
    let capacity = wanted;
    for (let step = 0; step <= REACH; step++, capacity = sizeClass(capacity + 1)) {
      const buffer = this.#idle.get(capacity)?.pop()?.buffer;
      if (buffer !== undefined) {
        this.#idleBytes -= capacity;
        return buffer;
      }
    }
    this.#shrinkTo(1.5 * Math.max(this.#peakLive, this.#live + wanted) + 2 ** 26 - this.#live - wanted);
    const buffer = this.#allocate(wanted);
    this.#blocks.set(buffer, { capacity: wanted, holders: 0 });
    return buffer;
  }

  #allocate(bytes: number): ArrayBuffer {
    try {
      return this.#source.allocate(bytes);
    } catch (error) {
      if (this.#idleBytes === 0) throw error;
      this.trim();
      return this.#source.allocate(bytes);
    }
  }

  #keep(buffer: ArrayBuffer, capacity: number): void {
    let list = this.#idle.get(capacity);
    if (list === undefined) this.#idle.set(capacity, (list = []));
    list.push({ buffer, since: this.#releases++ });
    this.#idleBytes += capacity;
    if (this.#idleBytes > this.limit) this.#shrinkTo(this.limit);
  }

  /** Frees the blocks that have been idle longest until at most `bytes` are left. */
  #shrinkTo(bytes: number): void {
    while (this.#idleBytes > Math.max(0, bytes)) {
      let oldest: { capacity: number; list: IdleBlock[] } | undefined;
      for (const [capacity, list] of this.#idle) {
        const first = list[0];
        if (first === undefined) continue;
        if (oldest === undefined || first.since < oldest.list[0]!.since) oldest = { capacity, list };
      }
      if (oldest === undefined) break;
      const { buffer } = oldest.list.shift()!;
      this.#idleBytes -= oldest.capacity;
      this.#blocks.delete(buffer);
      this.#source.release(buffer);
    }
  }

  #note(): void {
    if (this.#live > this.#peakLive) this.#peakLive = this.#live;
    if (this.#live + this.#idleBytes > this.#peak) this.#peak = this.#live + this.#idleBytes;
  }
}

/** Rounds up to one of eight sizes in every doubling. */
function sizeClass(bytes: number): number {
  const step = Math.max(4096, 2 ** (Math.floor(Math.log2(bytes)) - 3));
  return Math.ceil(bytes / step) * step;
}
