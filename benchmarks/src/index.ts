// Evaluation.
export { benchmarkMethod, type BenchmarkOptions } from "./accuracy/benchmark-method.ts";
export { checkComparable } from "./accuracy/check-comparable.ts";
export { evaluateCached } from "./accuracy/evaluate-cached.ts";
export {
  evaluateSet,
  type Evaluation,
  type EvaluationOptions,
  type EvaluationProgress,
  type SeedResult,
} from "./accuracy/evaluate-set.ts";
export { fullDataRecord, setRecord, type Evaluated } from "./accuracy/evaluation-record.ts";
export { evaluateFullData } from "./accuracy/full-data.ts";
export { randomSubset } from "./accuracy/random-subset.ts";

// Protocols, records, statistics.
export {
  protocolHash,
  protocolId,
  protocolSchema,
  recipeFor,
  withEpochs,
  type Protocol,
} from "./protocol/protocol.ts";
export { protocolNamed, protocols } from "./protocol/protocols.ts";
export { recordSchema, type EvaluationRecord } from "./records/record.ts";
export { appendRecord, readRecords } from "./records/record-file.ts";
export { recordsTable } from "./records/records-table.ts";
export { studentTDistribution, studentTQuantile } from "./statistics/student-t.ts";
export { formatSummary, pairedDifference, summarise, type Summary } from "./statistics/summary.ts";

// Speed.
export { measuredRate } from "./perf/calibrate.ts";
export { medianSeconds, type Measurement, type PreparedWorkload, type Workload } from "./perf/measure.ts";
export { perfCommand } from "./perf/perf-command.ts";
export { workloadsNamed, workloadWords } from "./perf/workloads.ts";

// What command lines share.
export { mergeConfig, parseOverrides, type RawConfig } from "./command-line/config-overrides.ts";
export { describeFailure, reportFailure, type ExitCode } from "./command-line/exit-code.ts";
export { takeInterrupts, type Interrupt } from "./command-line/interrupt.ts";
export { collect, seedList, stepList, wholeNumber } from "./command-line/option-parsers.ts";
export { methodNamed, whitenedAs, whiteningOf } from "./method-named.ts";
export { methods } from "./methods.gen.ts";
