/** Exact per-channel mean and standard deviation of 8-bit images, on pixels scaled to [0, 1]. */
export class ChannelStatistics {
  readonly #counts: Float64Array[];

  constructor(channels: number) {
    this.#counts = Array.from({ length: channels }, () => new Float64Array(256));
  }

  /** @param pixels `[…, C]`, channels last. */
  add(pixels: Uint8Array): void {
    const channels = this.#counts.length;
    for (let channel = 0; channel < channels; channel++) {
      const counts = this.#counts[channel]!;
      for (let i = channel; i < pixels.length; i += channels) counts[pixels[i]!]! += 1;
    }
  }

  /**
   * Mean and population standard deviation, rounded to 6 decimals.
   * A channel without contrast gets one grey level (1/255) as its deviation, so that dividing by it stays finite.
   */
  result(): { mean: number[]; std: number[] } {
    const mean: number[] = [];
    const std: number[] = [];
    for (const counts of this.#counts) {
      let total = 0;
      let sum = 0;
      for (let value = 0; value < 256; value++) {
        total += counts[value]!;
        sum += counts[value]! * value;
      }
      const centre = sum / total;
      let squares = 0;
      for (let value = 0; value < 256; value++) squares += counts[value]! * (value - centre) ** 2;
      mean.push(round(centre / 255));
      std.push(round(Math.max(Math.sqrt(squares / total), 1) / 255));
    }
    return { mean, std };
  }
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
