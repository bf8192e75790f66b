import { drawAll } from "./dom.ts";

/** Before it is printed the page is drawn whole and unfolded; afterwards what was folded is folded again. */
export function prepareForPrint(): void {
  let unfolded: readonly HTMLDetailsElement[] = [];
  addEventListener("beforeprint", () => {
    drawAll();
    unfolded = [...document.querySelectorAll<HTMLDetailsElement>("details:not([open])")];
    for (const details of unfolded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
    unfolded = [];
  });
}
