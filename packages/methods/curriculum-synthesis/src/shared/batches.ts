/** One image to recover: its class, and which of the class's images it is. */
export interface Place {
  readonly label: number;
  readonly row: number;
}

interface BatchOptions {
  readonly ipc: number;
  readonly batchSize: number;
  readonly order: "rows" | "classes";
}

/** Number of batches of `classes · ipc` images. */
export function batchCount(classes: number, { ipc, batchSize }: BatchOptions): number {
  return Math.ceil((classes * ipc) / batchSize);
}

/** The images of a batch. By rows: one image of every class, then the next one of every class; by classes: class after class. */
export function batchPlaces(batch: number, classes: number, options: BatchOptions): Place[] {
  const { ipc, batchSize, order } = options;
  const start = batch * batchSize;
  const count = Math.min(batchSize, classes * ipc - start);
  return Array.from({ length: count }, (_, i) => {
    const at = start + i;
    return order === "rows"
      ? { label: at % classes, row: Math.floor(at / classes) }
      : { label: Math.floor(at / ipc), row: at % ipc };
  });
}
