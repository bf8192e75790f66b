import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { ConfigError, DataError } from "@limbeck/core";

/** Texts to tokens. */
export interface Tokenizer {
  /** Number of different tokens. */
  readonly size: number;
  /**
   * Start, text, end.
   *
   * @throws {ConfigError} if they are more than `context`.
   */
  encode(text: string, context: number): number[];
}

/** Words, suffixes, single digits and runs of signs. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;
const END_OF_WORD = "</w>";

/**
 * CLIP's tokenizer: lower case, byte pairs. Its vocabulary is the 256 bytes, the same at a word's end, one token for each merge, start
 * and end.
 *
 * Differs: broken encodings and HTML entities in the text are not mended first.
 *
 * @param path The published `merges.txt` (or `bpe_simple_vocab_16e6.txt.gz`): a comment, then one merge a line, the first the strongest.
 * @param vocabulary Tokens that the model has; a longer file is cut there.
 * @throws {DataError} if the file cannot be read, a line is not a merge, or there are too few.
 * @see Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units" (ACL 2016).
 */
export function readTokenizer(path: string, vocabulary: number): Tokenizer {
  const wanted = vocabulary - 2 * 256 - 2;
  const lines = readLines(path)
    .slice(1)
    .filter((line) => line !== "")
    .slice(0, wanted);
  if (lines.length !== wanted) {
    throw new DataError(`${path}: wanted ${wanted} merges for ${vocabulary} tokens, got ${lines.length}`);
  }
  const symbols = byteSymbols();
  // Bytes that print come first, each as itself.
  const order = [...symbols].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = [...order, ...order.map((symbol) => symbol + END_OF_WORD)];
  const ranks = new Map<string, number>();
  for (const [i, line] of lines.entries()) {
    const parts = line.split(" ");
    if (parts.length !== 2 || parts.includes("")) {
      throw new DataError(`${path}: line ${i + 2} must hold two parts of a merge, got "${line}"`);
    }
    ranks.set(line, i);
    tokens.push(parts.join(""));
  }
  const ids = new Map(tokens.map((token, i) => [token, i]));
  const [start, end] = [tokens.length, tokens.length + 1];
  return {
    size: end + 1,
    encode(text, context) {
      const pieces = text.toLowerCase().match(PIECES) ?? [];
      const body = pieces.flatMap((piece) => {
        const parts = Array.from(Buffer.from(piece, "utf8"), (byte) => symbols[byte]!);
        parts[parts.length - 1] += END_OF_WORD;
        return merged(parts, ranks).map((part) => ids.get(part)!);
      });
      if (body.length + 2 > context) {
        throw new ConfigError(
          `tokenizer: a prompt may have ${context} tokens with its start and end, got ${body.length + 2}: "${text.slice(0, 40)}…"; shorten it`,
        );
      }
      return [start, ...body, end];
    },
  };
}

/** Joins the strongest pair, everywhere, until no pair is a merge. */
function merged(parts: string[], ranks: ReadonlyMap<string, number>): string[] {
  for (;;) {
    const pairs = parts.slice(1).map((right, i) => `${parts[i]} ${right}`);
    const best = pairs.reduce<string | undefined>((found, pair) => {
      const rank = ranks.get(pair) ?? Infinity;
      return rank < (found === undefined ? Infinity : ranks.get(found)!) ? pair : found;
    }, undefined);
    if (best === undefined) return parts;
    const joined: string[] = [];
    for (let i = 0; i < parts.length; i++) {
      const isPair = i + 1 < parts.length && `${parts[i]} ${parts[i + 1]}` === best;
      joined.push(isPair ? parts[i]! + parts[++i]! : parts[i]!);
    }
    parts = joined;
  }
}

/** A printing character for each byte: itself where it prints, else the next one beyond 255. */
function byteSymbols(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    return String.fromCodePoint(prints ? byte : next++);
  });
}

function readLines(path: string): string[] {
  try {
    const bytes = readFileSync(path);
    const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
    return text
      .toString("utf8")
      .split("\n")
      .map((line) => line.trimEnd());
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
