import { readFileSync } from "node:fs";

// Prints passed, failed and skipped of a vitest JSON report. A file that did not load counts as one failure.
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
  readFileSync(process.argv[2], "utf8"),
);
const unloaded = testResults.filter(
  ({ status, assertionResults }) =>
    status === "failed" && assertionResults.every((test) => test.status !== "failed"),
).length;
console.log(numPassedTests, numFailedTests + unloaded, numPendingTests + numTodoTests);
