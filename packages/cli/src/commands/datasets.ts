import { datasets, type DatasetLocation } from "@limbeck/datasets";
import type { Command } from "commander";
import { withOutputOptions } from "../common-options.ts";
import { createOutput, type OutputOptions } from "../output.ts";
import { formatBytes } from "../units.ts";

/** `limbeck datasets`: what is known by name, and where its files are. */
export function registerDatasets(program: Command): void {
  withOutputOptions(
    program.command("datasets").description("list the data sets known by name and where their files are"),
  ).action(async (flags: OutputOptions) => {
    const output = createOutput(flags);
    const rows = await Promise.all(
      datasets.map(async ({ id, title, classes, shape, sizes, source, locate }) => ({
        id,
        title,
        classes,
        shape,
        train: sizes.train,
        test: sizes.test,
        licence: source.licence,
        location: await locate(),
      })),
    );
    const lines = rows.map(
      ({ id, shape, classes, train, test, location }) =>
        `${id.padEnd(14)} ${shape.join("×").padEnd(9)} ${String(classes).padStart(4)} classes  ` +
        `${train} + ${test} images  ${whereabouts(location)}`,
    );
    output.result(
      rows,
      [...lines, "", "or the path of an image folder, .zip, IDX folder, .npz, .parquet or .arrow file"].join(
        "\n",
      ),
    );
  });
}

function whereabouts(location: DatasetLocation): string {
  switch (location.kind) {
    case "embedded":
      return "comes with Limbeck";
    case "found":
      return location.path;
    case "download":
      return `not here: ${formatBytes(location.bytes)} to download on first use`;
  }
}
