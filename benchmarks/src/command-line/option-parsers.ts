import { InvalidArgumentError } from "commander";

/** Parsers of option values; commander prints their message and exits with code 2. */

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`wanted a whole number from ${least} up, got "${text}".`);
    }
    return value;
  };
}

/** The name of the back end, given once. */
export function oneBackend(text: string, before: string | undefined): string {
  if (before !== undefined && before !== text) {
    throw new InvalidArgumentError(
      `asked for "${before}" before, now for "${text}"; a process computes on one back end: start one for each.`,
    );
  }
  return text;
}

/** `0-4` or `0,1,7` or a mixture, as a list of different whole numbers. */
export function seedList(text: string): number[] {
  const seeds = text.split(",").flatMap((part) => {
    const [, first, last] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim()) ?? [];
    const from = Number(first);
    const to = last === undefined ? from : Number(last);
    if (first === undefined || to < from || to - from > 999) {
      throw new InvalidArgumentError(`wanted seeds such as 0-4 or 0,1,7, got "${text}".`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  if (new Set(seeds).size !== seeds.length)
    throw new InvalidArgumentError(`a seed appears twice in "${text}".`);
  return seeds;
}

/** `a,b,c` as ascending different whole numbers from 1 up. */
export function stepList(text: string): number[] {
  const parse = wholeNumber(1);
  return [...new Set(text.split(",").map((part) => parse(part.trim())))].sort((a, b) => a - b);
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
