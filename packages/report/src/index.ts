export type { ReportData } from "./model.ts";
export { leaderboardCsv } from "./leaderboard-csv.ts";
export { CHART_NAMES, plotReport, type PlotChoice } from "./plot-report.ts";
export { collectReport, type ReportOptions } from "./report-data.ts";
export { reportMarkdown } from "./report-markdown.ts";
export { serveReport, type ServedReport, type ServeOptions } from "./serve-report.ts";
export { svgPdf } from "./svg-pdf.ts";
export { writeReport } from "./write-report.ts";
export { writeTables } from "./write-tables.ts";
