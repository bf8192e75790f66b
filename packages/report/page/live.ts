import type { ReportData } from "../src/model.ts";
import { followSets } from "./set-card.ts";

const PERIOD = 2000;

/**
 * Asks the server for newer data, and draws the page anew when there are. While the reader has something open or chosen only the
 * images of sets follow.
 */
export function keepFresh(address: string, draw: (data: ReportData) => void): void {
  let etag = "";
  let waiting: ReportData | undefined;
  const ask = async (): Promise<void> => {
    try {
      const headers = etag === "" ? {} : { "If-None-Match": etag };
      const response = await fetch(address, { cache: "no-store", headers });
      if (response.ok) {
        etag = response.headers.get("etag") ?? "";
        waiting = (await response.json()) as ReportData;
        followSets(waiting.sets);
      }
      if (waiting !== undefined && !isBusy()) {
        const { scrollX, scrollY } = window;
        draw(waiting);
        scrollTo(scrollX, scrollY);
        waiting = undefined;
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
