import { cellId, cellNeeds, cellTitle, type Cell } from "../sweep/cell.ts";
import type { CellOutcome } from "../sweep/cell-store.ts";
import type { SweepPlan } from "../sweep/sweep-plan.ts";

/** A cell of a plan, and where it stands for whoever watches. */
export interface WantedCell {
  readonly id: string;
  readonly cell: Cell;
  readonly title: string;
  readonly state: "waiting" | "queued" | "done" | "failed";
  readonly outcome?: CellOutcome;
  /** Why it failed. */
  readonly message?: string;
  /** It was told that a worker began it. */
  begun?: true;
}

type Mutable = { -readonly [Key in keyof WantedCell]: WantedCell[Key] };

/** The cells of a plan by id. What becomes of one costs no look at the others. */
export class WantedCells {
  readonly #cells = new Map<string, Mutable>();
  readonly #dependents = new Map<string, Mutable[]>();
  /** Waiting, and all that they need is done. */
  #ready: Mutable[] = [];
  #open = 0;

  constructor({ groups }: Pick<SweepPlan, "groups">) {
    for (const { distill, evaluate } of groups) {
      for (const cell of [...(distill === undefined ? [] : [distill]), ...evaluate]) {
        const id = cellId(cell);
        const title = cell === distill ? cellTitle(cell) : cellTitle(cell, distill);
        const one: Mutable = { id, cell, title, state: "waiting" };
        this.#cells.set(id, one);
        this.#open++;
        const [need] = cellNeeds(cell);
        if (need === undefined || !this.#cells.has(need)) this.#ready.push(one);
        else this.#dependents.set(need, [...(this.#dependents.get(need) ?? []), one]);
      }
    }
  }

  get size(): number {
    return this.#cells.size;
  }

  /** Number of cells that are neither done nor failed. */
  get open(): number {
    return this.#open;
  }

  get(id: string): WantedCell | undefined {
    return this.#cells.get(id);
  }

  values(): IterableIterator<WantedCell> {
    return this.#cells.values();
  }

  /** A cell has its outcome, also one that had failed: those that need it become ready. */
  done(id: string, outcome: CellOutcome): void {
    const one = this.#cells.get(id)!;
    if (one.state === "done") return;
    if (one.state !== "failed") this.#open--;
    one.state = "done";
    one.outcome = outcome;
    delete one.message;
    for (const next of this.#dependents.get(id) ?? []) if (next.state === "waiting") this.#ready.push(next);
  }

  /** A cell will have no outcome, nor will those that need it. */
  failed(id: string, message: string): void {
    const one = this.#cells.get(id)!;
    if (one.state === "done" || one.state === "failed") return;
    this.#open--;
    one.state = "failed";
    one.message = message;
    for (const next of this.#dependents.get(id) ?? []) this.failed(next.id, "its distillation failed");
  }

  /** Cells to be queued now; each is given once. */
  takeReady(): WantedCell[] {
    const ready = this.#ready.filter(({ state }) => state === "waiting");
    this.#ready = [];
    for (const one of ready) one.state = "queued";
    return ready;
  }

  /** Cells that are queued, as far as is known. */
  queued(): number {
    let count = 0;
    for (const { state } of this.#cells.values()) if (state === "queued") count++;
    return count;
  }

  /** Gives the queued cells once more: the queue has forgotten some. */
  queueAgain(): void {
    for (const one of this.#cells.values()) {
      if (one.state !== "queued") continue;
      one.state = "waiting";
      this.#ready.push(one);
    }
  }
}
