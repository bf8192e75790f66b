import js from "@eslint/js";
import { createNodeResolver, importX } from "eslint-plugin-import-x";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Source of the published packages: no clock, no hidden randomness, no printing. */
const LIBRARY = ["packages/*/src/**/*.ts", "packages/methods/*/src/**/*.ts", "benchmarks/src/**/*.ts"];
const TESTS = ["**/*.test.ts", "**/*.test-d.ts", "**/*.bench.ts", "test/**/*.ts", "**/testing/**/*.ts"];

/** Where time is measured or shown to people. */
const MAY_READ_THE_CLOCK = [
  "packages/core/src/{engine,run}/**",
  "packages/cli/src/**",
  "benchmarks/src/{backends,perf,accuracy,downstream,command-line}/**",
  "benchmarks/src/sweep/cell-process-main.ts",
];
/** Programs, which talk to people. */
const MAY_PRINT = [
  "packages/cli/src/**",
  "benchmarks/src/{perf,accuracy,downstream}/main.ts",
  "scripts/**",
  "packages/*/scripts/**",
];

const NO_HIDDEN_RANDOMNESS = {
  selector: "MemberExpression[object.name='Math'][property.name='random']",
  message: "Same seed, same bits: draw from a Key (core's random/).",
};
const NO_CLOCK = [
  {
    selector:
      "MemberExpression[object.name='Date'][property.name='now'], NewExpression[callee.name='Date'][arguments.length=0]",
    message: "Library code does not read the clock; only run/, engine/, perf and the command line do.",
  },
  {
    selector:
      "MemberExpression[object.name='performance'][property.name='now'], MemberExpression[object.name='process'][property.name='hrtime']",
    message: "Library code does not read the clock; only run/, engine/, perf and the command line do.",
  },
];

/** tfjs's own generators draw from Math.random unless they are given a seed. */
const NO_TFJS_RANDOMNESS = {
  selector:
    "CallExpression[callee.object.name='tf'][callee.property.name=/^(randomNormal|randomUniform|truncatedNormal|randomGamma|randomStandardNormal|multinomial|dropout|rand)$/]",
  message: "tfjs draws from Math.random or its own state: draw from a Key (core's random/).",
};

/**
 * Imports go one way: core ← datasets ← methods ← benchmarks ← report ← cli; native depends on nothing here.
 * Each entry: a folder, and the packages of this workspace that it may import.
 */
const ARROWS = [
  ["packages/native", []],
  ["packages/core", ["native"]],
  ["packages/datasets", ["core"]],
  ["packages/methods/*", ["core", "datasets"]],
  ["benchmarks", ["core", "native", "datasets", "METHODS"]],
  ["packages/report", ["core", "datasets", "benchmarks"]],
  ["packages/cli", ["core", "native", "datasets", "METHODS", "benchmarks", "report"]],
  ["test", ["core", "native", "datasets", "METHODS", "benchmarks", "report", "cli"]],
];
const KNOWN = ["core", "native", "datasets", "benchmarks", "report", "cli"];

/** Everything of the workspace but what a folder may import, and every path into another package. */
function arrowRule([folder, allowed]) {
  const names = allowed.filter((name) => name !== "METHODS");
  // A method is whatever is not one of the known packages.
  const refused = allowed.includes("METHODS")
    ? `(?:${KNOWN.filter((name) => !names.includes(name)).join("|") || "$."})`
    : `(?!(?:${names.join("|") || "$."})(?:/|$)).*`;
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: `^@limbeck/${refused}(?:/|$)`,
              message: `${folder} may import of this workspace: ${allowed.join(", ") || "nothing"}.`,
            },
            {
              regex: "^@limbeck/[^/]+/(?!(?:browser|testing)$)",
              message: "Import the package, not a file of it: what its index.ts does not list is private.",
            },
            {
              regex: "^(?:\\.\\./)+(?:packages|benchmarks|[a-z-]+/src)/",
              message: "Import the package by its name, not a file of it.",
            },
            {
              regex: "^@tensorflow/tfjs[^/]*/.",
              message: "tfjs's inner modules do not resolve under Node: import the package root.",
            },
          ],
        },
      ],
    },
  };
}

export default defineConfig(
  globalIgnores(["**/dist/**", "**/build/**", "**/*.gen.ts", "runs/**"]),
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "import-x": importX },
    settings: {
      "import-x/extensions": [".ts"],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
      "import-x/resolver-next": [createNodeResolver({ extensions: [".ts", ".js", ".json"] })],
    },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "import-x/no-cycle": "error",
      "import-x/no-self-import": "error",
      // Index signatures and loop bounds are proven by the code around them.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/dot-notation": "off",
      // tfjs returns `Tensor<Rank>` almost everywhere: naming the rank is the point of the assertion.
      "@typescript-eslint/no-unnecessary-type-assertion": "off",
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
      // An empty environment variable counts as unset.
      "@typescript-eslint/prefer-nullish-coalescing": "off",
      "@typescript-eslint/no-empty-function": "off",
      // Published constants keep the digits their sources print.
      "no-loss-of-precision": "off",
      // Functions are passed around as values; nothing here depends on `this`.
      "@typescript-eslint/unbound-method": "off",
      // Contracts are asynchronous where one implementation of several is.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/only-throw-error": ["error", { allowThrowingUnknown: true }],
      // Recursive types cannot be records.
      "@typescript-eslint/consistent-indexed-object-style": "off",
      // Kernels walk several arrays with one index.
      "@typescript-eslint/prefer-for-of": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowArray: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
    },
  },
  ...ARROWS.map(arrowRule),
  {
    files: LIBRARY,
    rules: {
      "no-console": "error",
      "no-restricted-exports": [
        "error",
        {
          restrictDefaultExports: {
            direct: true,
            named: true,
            defaultFrom: true,
            namedFrom: true,
            namespaceFrom: true,
          },
        },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "ExportAllDeclaration", message: "List the exports by name." },
        NO_HIDDEN_RANDOMNESS,
        NO_TFJS_RANDOMNESS,
        ...NO_CLOCK,
      ],
    },
  },
  {
    files: MAY_READ_THE_CLOCK,
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "ExportAllDeclaration", message: "List the exports by name." },
        NO_HIDDEN_RANDOMNESS,
        NO_TFJS_RANDOMNESS,
      ],
    },
  },
  { files: MAY_PRINT, rules: { "no-console": "off" } },
  {
    files: TESTS,
    rules: {
      "no-restricted-syntax": "off",
      "no-console": "off",
    },
  },
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
  },
);
