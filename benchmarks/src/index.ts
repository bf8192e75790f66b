// Evaluation.
export { benchmarkMethod, type BenchmarkOptions } from "./accuracy/benchmark-method.ts";
export { checkComparable } from "./accuracy/check-comparable.ts";
export { distillSecondsBeside } from "./accuracy/distill-seconds.ts";
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
export { markdownTable } from "./records/markdown-table.ts";
export { readPublished, type PublishedAccuracies } from "./records/published.ts";
export { recordsTable } from "./records/records-table.ts";
export { studentTDistribution, studentTQuantile } from "./statistics/student-t.ts";
export { formatNested, summariseNested, type NestedSummary } from "./statistics/nested.ts";
export { comparePaired, formatComparison, type PairedComparison } from "./statistics/paired.ts";
export { formatSummary, summarise, type Summary } from "./statistics/summary.ts";

// Scores.
export {
  augmentationRobustScore,
  hardLabelRecovery,
  improvementOverRandom,
  labelRobustScore,
  type AugmentationAccuracies,
  type LabelAccuracies,
} from "./scores/fair-scores.ts";
export { fairScores, fairTable, type FairScores } from "./scores/fair-table.ts";
export { labelGrids, type GridCell, type LabelGrid, type MissingEvaluation } from "./scores/label-grid.ts";
export { bySet, groupRecords, type RecordGroup } from "./scores/record-groups.ts";
export { realSize } from "./scores/real-size.ts";
export { scoreTable } from "./scores/score-table.ts";
export { storageEqual, storageOf, type RealSize, type Storage } from "./scores/storage.ts";
export { transferTable } from "./scores/transfer-table.ts";
export { transferOf, type Transfer, type TransferTarget } from "./scores/transfer.ts";

// Sweeps.
export {
  CELL_FORMAT,
  cellId,
  cellNeeds,
  cellSchema,
  cellTitle,
  type Cell,
  type CellDataset,
  type CellEngine,
  type DistillCell,
  type EvaluateCell,
} from "./sweep/cell.ts";
export {
  createCellRunner,
  type Catalogue,
  type CellHooks,
  type CellProgress,
  type CellRunner,
  type CellRunnerOptions,
} from "./sweep/cell-runner.ts";
export { createProcessRunner, type CellPlaces } from "./sweep/cell-process.ts";
export {
  checkDevices,
  createDevicePool,
  deviceEnvironment,
  parseDevices,
  type DevicePool,
} from "./sweep/device-pool.ts";
export { folderCellStore, type CellOutcome, type CellStore } from "./sweep/cell-store.ts";
export { appendOnce } from "./sweep/append-once.ts";
export { forecastSweep, type SweepForecast } from "./sweep/forecast-sweep.ts";
export { readSweepFile, type ReadSweep } from "./sweep/read-sweep-file.ts";
export {
  runSweep,
  sweepPaths,
  type RunSweepOptions,
  type SweepEvent,
  type SweepPaths,
  type SweepResult,
} from "./sweep/run-sweep.ts";
export type { SweepFile, SweepInput } from "./sweep/sweep-file.ts";
export { planCells, planSweep, shardOf, type CellGroup, type SweepPlan } from "./sweep/sweep-plan.ts";

// Sweeps on many machines. What they need is loaded when they are called.
export { runCellWorker, type CellWorkerOptions, type WorkerEvent } from "./queue/cell-worker.ts";
export { openCellStore } from "./queue/open-cell-store.ts";
export { queueSweep, type QueueSweepOptions } from "./queue/queue-sweep.ts";

// Speed.
export { measuredRate } from "./perf/calibrate.ts";
export { medianSeconds, type Measurement, type PreparedWorkload, type Workload } from "./perf/measure.ts";
export { perfCommand } from "./perf/perf-command.ts";
export { workloadsNamed, workloadWords } from "./perf/workloads.ts";

// Labels.
export { labelBytesTable } from "./labels/label-bytes-table.ts";

// Charts.
export { accuracyUpdatesPlot } from "./plots/accuracy-updates.ts";
export { labelBytesPlot } from "./plots/label-bytes.ts";
export { matchedStarts, startEpochsPlot, type MatchedStart } from "./plots/start-epochs.ts";

// What command lines share.
export { mergeConfig, parseOverrides, type RawConfig } from "./command-line/config-overrides.ts";
export { describeFailure, reportFailure, type ExitCode } from "./command-line/exit-code.ts";
export { withLabellingOptions, type LabellingFlags } from "./command-line/labelling-options.ts";
export { layeredConfig } from "./command-line/layered-config.ts";
export { takeInterrupts, type Interrupt } from "./command-line/interrupt.ts";
export {
  engineChoiceOf,
  startEngine,
  withEngineOptions,
  type EngineChoice,
} from "./command-line/engine-options.ts";
export { collect, seedList, stepList, wholeNumber } from "./command-line/option-parsers.ts";
export { methodNamed, whitenedAs, whiteningOf } from "./method-named.ts";
export { methods } from "./methods.gen.ts";
