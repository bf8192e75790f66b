import { reportFailure } from "../command-line/exit-code.ts";
import { downstreamCommand } from "./downstream-command.ts";

try {
  await downstreamCommand().exitOverride().parseAsync();
} catch (error) {
  reportFailure(error, "downstream");
}
