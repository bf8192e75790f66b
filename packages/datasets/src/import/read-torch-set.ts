import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError } from "@limbeck/core";
import type { ForeignArray, ForeignSet } from "./foreign-set.ts";
import { setOfNamedArrays, singleNumber } from "./named-arrays.ts";
import { openTorchFile, TorchTensor, type TorchFile } from "./torch-file.ts";
import type { PickleValue } from "./torch-pickle.ts";

/**
 * Reads a set that PyTorch saved, without executing anything in it: a dictionary or a list of images and labels; a dictionary
 * `{data: [[images, labels], …]}` with one pair an experiment; or images alone, with their labels in a file beside them
 * (`images_best.pt`, `labels_best.pt`, and `lr_best.pt` if there is one).
 *
 * @param part Which experiment, where the file has several.
 * @throws {DataError} if the file holds no such thing, or as {@link openTorchFile}.
 */
export async function readTorchSet(path: string, part?: number): Promise<ForeignSet> {
  const file = await openTorchFile(path);
  const { value } = file;
  if (value instanceof TorchTensor) return withLabelsBeside(path, await file.read(value));
  if (Array.isArray(value)) return pair(path, file, value);
  if (value instanceof Map) {
    const data = value.get("data");
    if (Array.isArray(data)) return pair(path, file, experiment(path, data, part));
    const tensors = new Map(
      [...value].filter((entry): entry is [string, TorchTensor] => isNamedTensor(entry)),
    );
    return setOfNamedArrays(path, [...tensors.keys()], (name) => file.read(tensors.get(name)!));
  }
  throw new DataError(`${path}: wanted tensors of images and labels, got ${describe(value)}`);
}

function experiment(path: string, data: PickleValue[], part: number | undefined): PickleValue {
  if (part === undefined && data.length > 1) {
    throw new DataError(
      `${path}: wanted one set, got those of ${data.length} experiments; choose one with part`,
    );
  }
  const chosen = data[part ?? 0];
  if (chosen === undefined)
    throw new DataError(`${path}: wanted part ${part ?? 0}, got ${data.length} parts`);
  return chosen;
}

async function pair(path: string, file: TorchFile, value: PickleValue): Promise<ForeignSet> {
  const [images, labels] = Array.isArray(value) ? value : [];
  if (!(images instanceof TorchTensor) || !(labels instanceof TorchTensor)) {
    const got = Array.isArray(value) ? value.map(describe).join(", ") : describe(value);
    throw new DataError(`${path}: wanted images and labels, two tensors, got ${got || "nothing"}`);
  }
  return { where: path, images: await file.read(images), labels: await file.read(labels) };
}

async function withLabelsBeside(path: string, images: ForeignArray): Promise<ForeignSet> {
  const beside = (part: string): string =>
    join(dirname(path), basename(path).replace(/^(images?|data)(?=[_.\d])/, part));
  const labels = [beside("labels"), beside("label")].find((name) => name !== path && existsSync(name));
  if (labels === undefined) {
    throw new DataError(
      `${path}: wanted labels beside the images, such as ${beside("labels")}, found none; ` +
        `labels are never taken from the order of the images`,
    );
  }
  const rate = beside("lr");
  return {
    where: path,
    images,
    labels: await onlyTensor(labels),
    ...(existsSync(rate) && rate !== path
      ? { stepSize: singleNumber(rate, "lr", await onlyTensor(rate)) }
      : {}),
  };
}

async function onlyTensor(path: string): Promise<ForeignArray> {
  const file = await openTorchFile(path);
  if (file.value instanceof TorchTensor) return file.read(file.value);
  if (typeof file.value === "number") return { shape: [], data: Float64Array.of(file.value) };
  throw new DataError(`${path}: wanted one tensor, got ${describe(file.value)}`);
}

function isNamedTensor(entry: [PickleValue, PickleValue]): boolean {
  return typeof entry[0] === "string" && entry[1] instanceof TorchTensor;
}

function describe(value: PickleValue): string {
  if (value instanceof TorchTensor) return `a tensor [${value.shape.join(",")}]`;
  if (value instanceof Map) return "a dictionary";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === null ? "None" : `a ${typeof value}`;
}
