import type { ReportData } from "../src/model.ts";

const PERIOD = 2000;

/** Asks the server for newer data, and draws the page anew when there are. Not while the reader has something open or chosen. */
export function keepFresh(first: ReportData, draw: (data: ReportData) => void): void {
  let shown = JSON.stringify({ ...first, made: "" });
  const ask = async (): Promise<void> => {
    try {
      const response = await fetch(first.live!, { cache: "no-store" });
      const data = (await response.json()) as ReportData;
      const text = JSON.stringify({ ...data, made: "" });
      if (text !== shown && !isBusy()) {
        shown = text;
        const { scrollX, scrollY } = window;
        draw(data);
        scrollTo(scrollX, scrollY);
      }
    } catch {
      document.title = "(ended) Limbeck report";
    }
    setTimeout(() => void ask(), PERIOD);
  };
  setTimeout(() => void ask(), PERIOD);
}

/** Whether drawing the page anew would take something away from the reader. */
function isBusy(): boolean {
  const active = document.activeElement;
  return (
    document.querySelector("details[open], tr.details, [data-training]") !== null ||
    (active !== null && active !== document.body && active.matches("input, select, canvas"))
  );
}
