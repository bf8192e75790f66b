import { reportFailure } from "../command-line/exit-code.ts";
import { plotCommand } from "./plot-command.ts";

try {
  await plotCommand().exitOverride().parseAsync();
} catch (error) {
  reportFailure(error, "plot");
}
