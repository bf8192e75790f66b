import type { Anchor } from "./model.ts";

const IPC = [1, 10, 50];

/** Three cells `mean ± std` for 1, 10 and 50 images per class; `-` where nothing was published. */
function row(method: string, dataset: string, source: string, cells: string): Anchor[] {
  return cells.split("/").flatMap((cell, i) => {
    const [mean, std] = cell.trim().split("±").map(Number);
    return mean === undefined || Number.isNaN(mean)
      ? []
      : [{ method, dataset, ipc: IPC[i]!, mean, std: std ?? 0, source }];
  });
}

const DC = "Zhao, Mopuri and Bilen 2021";
const DSA = "Zhao and Bilen 2021";
const DM = "Zhao and Bilen 2023";
const DATADAM = "Sajedi et al. 2023";
const MTT = "Cazenavette et al. 2022";
const IDM = "Zhao et al. 2023";

/**
 * Accuracies that papers report for a ConvNet of three blocks, to stand beside our own. Their protocols are their own: nearness is no
 * proof, distance is a question.
 */
export const anchors: readonly Anchor[] = [
  ...row("random", "cifar10", DC, "14.4±2.0/26.0±1.2/43.4±1.0"),
  ...row("dc", "cifar10", DC, "28.3±0.5/44.9±0.5/53.9±0.5"),
  ...row("dsa", "cifar10", DSA, "28.8±0.7/52.1±0.5/60.6±0.5"),
  ...row("dm", "cifar10", DM, "26.0±0.8/48.9±0.6/63.0±0.4"),
  ...row("idm", "cifar10", IDM, "45.6±0.7/58.6±0.1/67.5±0.1"),
  ...row("datadam", "cifar10", DATADAM, "32.0±1.2/54.2±0.8/67.0±0.4"),
  ...row("mtt", "cifar10", MTT, "46.2±0.8/65.4±0.7/71.6±0.2"),
  ...row("random", "cifar100", DC, "4.2±0.3/14.6±0.5/30.0±0.4"),
  ...row("dc", "cifar100", DC, "12.8±0.3/25.2±0.3/-"),
  ...row("dsa", "cifar100", DSA, "13.9±0.3/32.3±0.3/42.8±0.4"),
  ...row("dm", "cifar100", DM, "11.4±0.3/29.7±0.3/43.6±0.4"),
  ...row("idm", "cifar100", IDM, "20.1±0.3/45.1±0.1/50.0±0.2"),
  ...row("datadam", "cifar100", DATADAM, "14.5±0.5/34.8±0.5/49.4±0.3"),
  ...row("mtt", "cifar100", MTT, "24.3±0.3/39.7±0.4/47.7±0.2"),
  ...row("dc", "fashion-mnist", DC, "70.5±0.6/82.3±0.4/83.6±0.4"),
  ...row("dsa", "fashion-mnist", DSA, "70.6±0.6/84.6±0.3/88.7±0.2"),
  ...row("dc", "mnist", DC, "91.7±0.5/97.4±0.2/98.8±0.1"),
  ...row("dsa", "mnist", DSA, "88.7±0.6/97.8±0.1/99.2±0.1"),
];
