import { reportFailure } from "../command-line/exit-code.ts";
import { labelsCommand } from "./labels-command.ts";

try {
  await labelsCommand().exitOverride().parseAsync();
} catch (error) {
  reportFailure(error, "labels");
}
