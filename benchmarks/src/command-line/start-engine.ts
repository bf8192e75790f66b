import { useBackend, type Precision } from "@limbeck/core";

/** What a command line says of the engine; what it leaves out, the engine chooses. */
export interface EngineChoice {
  readonly backend?: string;
  readonly precision?: Precision;
  readonly threads?: number;
  readonly samplesAtOnce?: number;
}

/** Starts the back end that was asked for. @throws as {@link useBackend}. */
export async function startEngine({
  backend,
  precision,
  threads,
  samplesAtOnce,
}: EngineChoice): Promise<void> {
  await useBackend(backend ?? "auto", {
    ...(precision === undefined ? {} : { precision }),
    ...(threads === undefined ? {} : { threads }),
    ...(samplesAtOnce === undefined ? {} : { samplesAtOnce }),
  });
}
