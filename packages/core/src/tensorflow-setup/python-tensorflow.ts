import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ConfigError } from "../errors.ts";

const run = promisify(execFile);

/** Prints the folder of the package without importing it. */
const PROGRAM = [
  "import importlib.util",
  "spec = importlib.util.find_spec('tensorflow')",
  "print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else '')",
].join("\n");

/** What to run where TensorFlow is missing. */
export const HOW_TO_GET_TENSORFLOW =
  'run `python3 -m pip install "tensorflow[and-cuda]"` (NVIDIA cards) or `python3 -m pip install tensorflow-cpu`, then ' +
  "`limbeck setup tensorflow`; or fetch a wheel with `python3 -m pip download --no-deps tensorflow` and pass it with --from";

/**
 * Folder of the TensorFlow that Python finds: `LIMBECK_PYTHON` where it is set, else `python3`.
 *
 * @throws {ConfigError} if there is no Python, or no TensorFlow for it; nothing is downloaded.
 */
export async function pythonTensorflowFolder(
  python = process.env["LIMBECK_PYTHON"] || "python3",
): Promise<string> {
  let folder: string;
  try {
    folder = (await run(python, ["-c", PROGRAM])).stdout.trim().split("\n").at(-1)!;
  } catch (error) {
    const { code } = error as { code?: unknown };
    const reason = code === "ENOENT" ? "there is no such program" : "it fails";
    throw new ConfigError(
      `setup tensorflow: wanted the TensorFlow that ${python} has installed, ${reason}; set LIMBECK_PYTHON, or pass a wheel ` +
        "or folder with --from",
      { cause: error },
    );
  }
  if (folder !== "") return folder;
  throw new ConfigError(
    `setup tensorflow: wanted the TensorFlow that ${python} has installed, it has none; ${HOW_TO_GET_TENSORFLOW}`,
  );
}
