import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.ts";
import { doubleField, packedFloats, stringField, varintField } from "./protobuf.ts";
import { tensorboardFile } from "./tensorboard.ts";

describe("crc32c", () => {
  it("gives the published sums", () => {
    // RFC 3720, appendix B.4, and the usual check value.
    expect(crc32c(new Uint8Array(32)).toString(16)).toBe("8a9136aa");
    expect(crc32c(new Uint8Array(32).fill(0xff)).toString(16)).toBe("62a8ab43");
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)).toString(16)).toBe("46dd794e");
    expect(crc32c(Buffer.from("123456789")).toString(16)).toBe("e3069283");
  });
});

describe("protobuf", () => {
  it("encodes fields as the format's own examples", () => {
    expect(varintField(1, 150).toString("hex")).toBe("089601");
    expect(stringField(2, "testing").toString("hex")).toBe("120774657374696e67");
    expect(varintField(2, 2 ** 40).toString("hex")).toBe("10808080808020");
    expect(doubleField(1, 1).toString("hex")).toBe("09000000000000f03f");
    expect(packedFloats(5, [1, -2]).toString("hex")).toBe("2a080000803f000000c0");
  });
});

describe("tensorboardFile", () => {
  it("frames the version and each event, byte by byte", () => {
    const file = Buffer.from(
      tensorboardFile(
        [{ tag: "loss", step: 3, wall: 1.5, value: 0.25 }],
        [{ tag: "set", step: 3, wall: 2, width: 7, height: 5, png: Buffer.from("png") }],
      ),
    );
    const records: string[] = [];
    for (let at = 0; at < file.length;) {
      const length = Number(file.readBigUInt64LE(at));
      expect(unmasked(file.readUInt32LE(at + 8))).toBe(crc32c(file.subarray(at, at + 8)));
      const data = file.subarray(at + 12, at + 12 + length);
      expect(unmasked(file.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
      records.push(data.toString("hex"));
      at += 16 + length;
    }
    const hex = (text: string): string => Buffer.from(text).toString("hex");
    expect(records).toEqual([
      `09000000000000f83f1a0d${hex("brain.Event:2")}`,
      // Event { wall_time 1.5, step 3, summary { value { tag, tensor { FLOAT, shape {}, 0.25 }, metadata { scalars, 1 } } } }
      [
        "09000000000000f83f1003" + "2a23" + "0a21",
        `0a04${hex("loss")}`,
        "420a" + "0801" + "1200" + "2a040000803e",
        `4a0d0a090a07${hex("scalars")}2001`,
      ].join(""),
      [
        "0900000000000000401003" + "2a2a" + "0a28",
        `0a03${hex("set")}`,
        `4213` + "0807" + "120412020803" + "420137" + "420135" + `4203${hex("png")}`,
        `4a0c0a080a06${hex("images")}2003`,
      ].join(""),
    ]);
  });
});

/** The inverse of the mask, as readers undo it. */
function unmasked(sum: number): number {
  const turned = (sum - 0xa282ead8) >>> 0;
  return ((turned >>> 17) | (turned << 15)) >>> 0;
}
