import type { ReportData } from "../src/model.ts";
import { accuracySection } from "./accuracy-charts.ts";
import { bdi, h } from "./dom.ts";
import { keepFresh } from "./live.ts";
import { loadFigure } from "./load-figure.ts";
import { labelSection } from "./label-section.ts";
import { leaderboardSection } from "./leaderboard.ts";
import { citationsSection, matrixSection, problemsSection, runsSection, setsSection } from "./sections.ts";
import { prepareForPrint } from "./print.ts";
import { trainerSection } from "./trainer.ts";
import { themeButton } from "./theme.ts";

/** Draws the page from its data. @param load What shows the machine, and stays. */
function draw(data: ReportData, load: HTMLElement | undefined): void {
  document.title = data.title;
  const sections = [
    problemsSection(data),
    trainerSection(data),
    leaderboardSection(data),
    accuracySection(data),
    matrixSection(data),
    labelSection(data),
    setsSection(data),
    runsSection(data),
    citationsSection(data),
  ].filter((each) => each !== undefined);
  const links = sections.map((each) =>
    h("li", {}, h("a", { href: `#${each.id}` }, each.querySelector("h2")!.textContent)),
  );
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  document
    .getElementById("report")!
    .replaceChildren(
      h("a", { class: "skip", href: "#content" }, "To the content"),
      h(
        "header",
        {},
        h("div", { class: "bar-top" }, h("h1", {}, bdi(data.title)), themeButton()),
        h(
          "p",
          { class: "quiet" },
          `${count(data.records.length, "evaluation")}, ${count(data.sets.length, "set")}, ${count(data.runs.length, "run")}`,
          data.live === undefined ? "" : ". Live: the page follows the work.",
        ),
        load,
        h("nav", { "aria-label": "Parts of the page" }, h("ul", {}, ...links)),
      ),
      h("main", { id: "content", tabindex: -1 }, ...sections),
    );
}

const data = JSON.parse(document.getElementById("report-data")!.textContent) as ReportData;
const load = data.live && loadFigure(data.live.load);
draw(data, load);
if (data.live !== undefined) keepFresh(data.live.data, (newer) => draw(newer, load));
prepareForPrint();
document.documentElement.dataset["ready"] = "yes";
