import { createHash } from "node:crypto";

/** Marks a checksum inside a file; the 64 hexadecimal digits after it are the checksum. */
const MARK = Buffer.from("limbeck-sha256:");
const DIGITS = 64;
const HEXADECIMAL = /^[0-9a-f]{64}$/;

/** Text to put anywhere into a file that {@link sealBytes} will seal. */
export const UNSEALED = `${MARK.toString()}${"0".repeat(DIGITS)}`;

/** What a reader finds: `sealed`, `broken` (some byte of the file changed) or `none` (never sealed). */
export type SealState = "sealed" | "broken" | "none";

/**
 * Fills in, in place, every seal of a file with the SHA-256 over all its bytes, the digits of the seals taken as zeros. Any
 * later change of any byte shows before a parser has touched the file: parsers of binary formats may not come back
 * from damaged lengths.
 */
export function sealBytes(bytes: Buffer): void {
  const positions = sealPositions(bytes);
  const digits = Buffer.from(digestOf(bytes, positions));
  for (const position of positions) digits.copy(bytes, position);
}

/** Compares the seals of a file with its bytes. */
export function checkSeal(bytes: Buffer): SealState {
  const positions = sealPositions(bytes);
  if (positions.length === 0) return "none";
  const digest = digestOf(bytes, positions);
  const whole = positions.every(
    (position) => bytes.toString("latin1", position, position + DIGITS) === digest,
  );
  return whole ? "sealed" : "broken";
}

/** Where the digits of each seal begin. */
function sealPositions(bytes: Buffer): number[] {
  const positions: number[] = [];
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    const begin = at + MARK.length;
    if (HEXADECIMAL.test(bytes.toString("latin1", begin, begin + DIGITS))) positions.push(begin);
  }
  return positions;
}

function digestOf(bytes: Buffer, positions: readonly number[]): string {
  const hash = createHash("sha256");
  let done = 0;
  for (const position of positions) {
    hash.update(bytes.subarray(done, position)).update("0".repeat(DIGITS));
    done = position + DIGITS;
  }
  return hash.update(bytes.subarray(done)).digest("hex");
}
