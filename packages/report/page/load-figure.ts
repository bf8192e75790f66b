import { loadChart, LOAD_SERIES } from "../src/charts.ts";
import type { MachineLoad } from "../src/model.ts";
import { chartFigure } from "./chart-figure.ts";
import { bytesText, percent } from "./format.ts";

const PERIOD = 1000;

/** Processor and memory of the machine that serves the page, second by second. */
export function loadFigure(address: string): HTMLElement {
  const { element, update } = chartFigure("This machine: waiting for its first second.");
  element.classList.add("load");
  const ask = async (): Promise<void> => {
    try {
      // Nobody looks at a page in the background.
      if (!document.hidden) {
        const load = (await (await fetch(address, { cache: "no-store" })).json()) as MachineLoad;
        const text = loadText(load);
        if (text !== undefined) {
          update((place) => loadChart(load, place), LOAD_SERIES, { text, withSymbols: false });
        }
      }
    } catch {
      element.querySelector("figcaption")!.textContent = "This machine: the server has ended.";
    }
    setTimeout(() => void ask(), PERIOD);
  };
  void ask();
  return element;
}

function loadText({ samples, cores, memory }: MachineLoad): string | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  return `This machine: ${percent(100 * last.processor)} % of ${cores} cores, ${bytesText(last.memory)} of ${bytesText(memory)} of memory; the last ${samples.length} s.`;
}
