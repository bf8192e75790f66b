import { ConfigError } from "@limbeck/core";
import type { z } from "zod";

/**
 * Parse options once, at the edge.
 *
 * @param where Name of the function, for the message.
 * @throws {ConfigError} naming every wrong or unknown key.
 */
export function parseOptions<Schema extends z.ZodType>(
  where: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => {
    return path.length === 0 ? message : `${path.join(".")}: ${message}`;
  });
  throw new ConfigError(`${where}: wrong options: ${issues.join("; ")}`);
}
