import { reportFailure } from "../command-line/exit-code.ts";
import { perfCommand } from "./perf-command.ts";

try {
  await perfCommand().exitOverride().parseAsync();
} catch (error) {
  reportFailure(error, "perf");
}
