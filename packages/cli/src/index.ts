export { createOutput, type Output, type OutputOptions } from "./output.ts";
export { createProgram } from "./program.ts";
export { createProgress, type Progress, type ProgressUpdate } from "./progress.ts";
