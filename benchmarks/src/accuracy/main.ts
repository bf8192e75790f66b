import { reportFailure } from "../command-line/exit-code.ts";
import { benchCommand } from "./bench-command.ts";

try {
  await benchCommand().exitOverride().parseAsync();
} catch (error) {
  reportFailure(error, "bench");
}
