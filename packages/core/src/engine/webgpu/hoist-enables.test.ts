import { expect, test } from "vitest";
import { hoistEnables, type GpuDevice } from "./dawn.ts";

test("`enable` moves to the front of a program, and other programs stay as they are", () => {
  const seen: { readonly code: string; readonly label?: string }[] = [];
  const device = {
    createShaderModule: (descriptor: { readonly code: string }) => seen.push(descriptor),
  } as unknown as GpuDevice;
  hoistEnables(device);
  const late = { code: "const a = 1;\nenable f16;\nconst b = 2h;", label: "late" };
  device.createShaderModule(late);
  device.createShaderModule({ code: "const enabled = 1;" });
  expect(seen).toEqual([
    { code: "enable f16;\nconst a = 1;\n\nconst b = 2h;", label: "late" },
    { code: "const enabled = 1;" },
  ]);
});
