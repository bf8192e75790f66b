import { defineConfig } from "vitest/config";

/** Where the test run is to leave its counts as JSON; set by `.ci/run`. */
const results = process.env["LIMBECK_TEST_RESULTS"];

export default defineConfig({
  test: {
    include: [
      "packages/**/src/**/*.test.ts",
      "benchmarks/src/**/*.test.ts",
      "scripts/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.slow.test.ts"],
    reporters: results === undefined ? ["default"] : ["default", ["json", { outputFile: results }]],
    // Numeric tests share two cores with the native thread pool: few workers, generous time.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
