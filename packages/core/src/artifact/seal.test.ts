import { describe, expect, it } from "vitest";
import { checkSeal, sealBytes, UNSEALED } from "./seal.ts";

describe("a seal", () => {
  it("shows a change of any byte, its own digits included", () => {
    const bytes = Buffer.from(`head ${UNSEALED} middle ${UNSEALED} tail`);
    expect(checkSeal(bytes)).toBe("broken");
    sealBytes(bytes);
    expect(checkSeal(bytes)).toBe("sealed");
    for (let i = 0; i < bytes.length; i++) {
      bytes[i]! ^= 1;
      expect(checkSeal(bytes), `byte ${i}`).toBe("broken");
      bytes[i]! ^= 1;
    }
    expect(checkSeal(bytes)).toBe("sealed");
  });

  it("can be renewed", () => {
    const bytes = Buffer.from(`a ${UNSEALED}`);
    sealBytes(bytes);
    bytes[0] = 0x62;
    sealBytes(bytes);
    expect(checkSeal(bytes)).toBe("sealed");
  });

  it("is not there in other files", () => {
    expect(checkSeal(Buffer.from("limbeck-sha256:"))).toBe("none");
    expect(checkSeal(Buffer.alloc(0))).toBe("none");
  });
});
