import { ConfigError } from "@limbeck/core";

/** For gradient matching. @throws {ConfigError} if there is one class: its cross-entropy is 0 whatever the images. */
export function checkClasses(classes: number): void {
  if (classes > 1) return;
  throw new ConfigError(
    `gradient matching: wanted at least 2 classes, got ${classes}: the loss of a single class has no gradient; use dm`,
  );
}
