import { ConfigError } from "@limbeck/core";

/** Graphics cards of which each process gets one. */
export interface DevicePool {
  /** A card that no process has. @throws {ConfigError} if all are in use: more jobs than cards. */
  take(): number;
  give(device: number): void;
}

export function createDevicePool(devices: readonly number[]): DevicePool {
  const free = [...devices];
  return {
    take() {
      const device = free.shift();
      if (device !== undefined) return device;
      throw new ConfigError(
        `sweep: wanted at most one job a device, all of ${devices.join(", ")} are in use; lower --jobs or name more --devices`,
      );
    },
    give(device) {
      free.push(device);
    },
  };
}

/**
 * Variables with which a process sees one card: `CUDA_VISIBLE_DEVICES`, counted within those that `environment` already shows.
 *
 * @throws {ConfigError} if `environment` shows fewer.
 */
export function deviceEnvironment(
  device: number,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const visible = environment["CUDA_VISIBLE_DEVICES"]?.split(",").map((name) => name.trim());
  const name = visible === undefined ? String(device) : visible[device];
  if (name === undefined || name === "") {
    throw new ConfigError(
      `--devices: wanted device ${device}, CUDA_VISIBLE_DEVICES=${environment["CUDA_VISIBLE_DEVICES"]} shows ` +
        `${visible!.filter((each) => each !== "").length}; name others, or unset it`,
    );
  }
  return { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: name };
}

/**
 * Reads a list of cards, such as `0,1`.
 *
 * @throws {ConfigError} on anything but distinct whole numbers.
 */
export function parseDevices(text: string): number[] {
  const words = text.split(",").map((word) => word.trim());
  const devices = words.map(Number);
  const good = words.every((word) => /^\d{1,4}$/.test(word)) && new Set(devices).size === devices.length;
  if (good) return devices;
  throw new ConfigError(
    `--devices: wanted distinct numbers of graphics cards such as 0,1, got "${text}"; \`nvidia-smi -L\` lists them`,
  );
}

/**
 * Whether a list of cards makes sense for a sweep.
 *
 * @param cards How many the machine has, where it tells.
 * @throws {ConfigError} if the back end does not compute on cards that are told apart by number (WebGPU's are not), there are more jobs than cards, or a card is not there.
 */
export function checkDevices(
  devices: readonly number[],
  { backend, isa, jobs, cards }: { backend: string; isa: string; jobs: number; cards: number | undefined },
): void {
  if (isa !== "cuda") {
    throw new ConfigError(
      isa === "webgpu"
        ? "--devices: wanted a back end that takes a card by its number, webgpu takes the fastest; leave --devices out, or use tensorflow"
        : `--devices: wanted a back end on graphics cards, ${backend} computes on the processor here; leave --devices out, or see ` +
            "`limbeck doctor`",
    );
  }
  if (jobs > devices.length) {
    throw new ConfigError(
      `--devices: wanted at most one job a device, got --jobs ${jobs} for ${devices.length}; lower --jobs or name more devices`,
    );
  }
  const missing = devices.find((device) => cards !== undefined && device >= cards);
  if (missing !== undefined) {
    throw new ConfigError(
      `--devices: wanted cards from 0 to ${cards! - 1}, which this machine has, got ${missing}; leave it out`,
    );
  }
}
