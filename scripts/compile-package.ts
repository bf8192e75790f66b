import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT, type WorkspacePackage } from "./workspace.ts";

/** Sources that are not published. */
const LEFT_OUT = /\.(test|test-d|test-support|bench)\.ts$/;

/**
 * Compiles a package's `src` to `dist`: ES modules with source maps, and declarations. Other packages of the workspace are
 * read from their `dist`, as a user will get them, so compile in the order of dependence.
 *
 * @returns The compiler's messages; empty where all is well.
 */
export function compilePackage({ folder }: WorkspacePackage, all: readonly WorkspacePackage[]): string {
  const dist = join(folder, "dist");
  rmSync(dist, { recursive: true, force: true });
  const files = readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" });
  const sources = files.filter((path) => path.endsWith(".ts") && !LEFT_OUT.test(path));
  const program = ts.createProgram(
    sources.map((path) => join(folder, "src", path)),
    {
      ...compilerOptions(),
      noEmit: false,
      rootDir: join(folder, "src"),
      outDir: dist,
      paths: Object.fromEntries(all.map((each) => [each.name, [join(each.folder, "dist", "index.d.ts")]])),
    },
  );
  const problems = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  const main = join(dist, "main.js");
  if (existsSync(main) && readFileSync(main, "utf8").startsWith("#!")) chmodSync(main, 0o755);
  return ts.formatDiagnostics(problems, {
    getCurrentDirectory: () => ROOT,
    getCanonicalFileName: (path) => path,
    getNewLine: () => "\n",
  });
}

function compilerOptions(): ts.CompilerOptions {
  const file = join(ROOT, "tsconfig.base.json");
  const { config } = ts.readConfigFile(file, (path) => ts.sys.readFile(path)) as { config: object };
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}
