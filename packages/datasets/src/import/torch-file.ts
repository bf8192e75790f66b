import { open, type FileHandle } from "node:fs/promises";
import { DataError, LimbeckError, fromBfloat16, fromFloat16, widenHalves } from "@limbeck/core";
import { errorText } from "../io/error-text.ts";
import { openZip, type ZipEntry } from "../io/zip-file.ts";
import { readEntry } from "../io/read-entry.ts";
import type { ForeignArray } from "./foreign-set.ts";
import {
  PickleGlobal,
  PickleObject,
  readPickle,
  type PickleFunction,
  type PickleRules,
  type PickleValue,
} from "./torch-pickle.ts";

interface StorageType {
  readonly bytes: number;
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => ForeignArray["data"];
}

const STORAGE_TYPES: Readonly<Record<string, StorageType>> = {
  DoubleStorage: { bytes: 8, read: ({ buffer }) => new Float64Array(buffer) },
  FloatStorage: { bytes: 4, read: ({ buffer }) => new Float32Array(buffer) },
  HalfStorage: { bytes: 2, read: (bytes) => widenHalves(bytes, fromFloat16) },
  BFloat16Storage: { bytes: 2, read: (bytes) => widenHalves(bytes, fromBfloat16) },
  LongStorage: { bytes: 8, read: ({ buffer }) => new BigInt64Array(buffer) },
  IntStorage: { bytes: 4, read: ({ buffer }) => new Int32Array(buffer) },
  ShortStorage: { bytes: 2, read: ({ buffer }) => Int32Array.from(new Int16Array(buffer)) },
  CharStorage: { bytes: 1, read: ({ buffer }) => Int32Array.from(new Int8Array(buffer)) },
  ByteStorage: { bytes: 1, read: (bytes) => bytes },
  BoolStorage: { bytes: 1, read: (bytes) => Int32Array.from(bytes) },
};

/** Flat numbers that tensors look at. */
class TorchStorage extends PickleObject {
  readonly type: StorageType;
  readonly key: string;
  readonly length: number;

  constructor(type: StorageType, key: string, length: number) {
    super();
    this.type = type;
    this.key = key;
    this.length = length;
  }

  override setState(): void {
    throw new Error("a state for a storage");
  }
}

/** A tensor of a file: a view of a storage. Its numbers are read when asked for. */
export class TorchTensor extends PickleObject {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];

  constructor(storage: TorchStorage, offset: number, shape: readonly number[], stride: readonly number[]) {
    super();
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }

  override setState(): void {
    // Attributes of a tensor subclass: none that holds data.
  }
}

/** A NumPy scalar's type; accuracies stand beside the tensors as scalars of it. */
class NumpyType extends PickleObject {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  override setState(state: PickleValue): void {
    if (Array.isArray(state) && (state[1] === "<" || state[1] === "|")) return;
    throw new Error("a NumPy type that is not little-endian");
  }
}

/** A file of PyTorch, its tensors not read yet. */
export interface TorchFile {
  readonly value: PickleValue;
  read(tensor: TorchTensor): Promise<ForeignArray>;
}

const MOST_PICKLE_BYTES = 1 << 26;
/** Files of PyTorch before 1.6 are read whole. */
const MOST_LEGACY_BYTES = 2 ** 31;
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const MOST_DIMENSIONS = 8;

/**
 * Opens what `torch.save` wrote, the zip archives of PyTorch 1.6 and later and the older sequence of pickles. Nothing in
 * the file is executed: see {@link readPickle} and the allow-list here (tensors, their storages, ordered dictionaries,
 * NumPy scalars).
 *
 * @throws {DataError} if the file is damaged, big-endian, refers to anything else, or makes a tensor larger than its data.
 */
export async function openTorchFile(path: string): Promise<TorchFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    if (buffer.toString("latin1") === "PK") return await openArchive(path);
    const { size } = await handle.stat();
    if (size > MOST_LEGACY_BYTES) throw new DataError(`${path}: wanted at most 2 GiB, got ${size} bytes`);
    return openLegacy(path, await handle.readFile());
  } catch (error) {
    if (error instanceof LimbeckError) throw error;
    throw new DataError(`${path}: cannot be read: ${errorText(error)}`, { cause: error });
  } finally {
    await handle?.close();
  }
}

async function openArchive(path: string): Promise<TorchFile> {
  const entries = await openZip(path);
  const pickle = entries.find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined)
    throw new DataError(`${path}: wanted a file of PyTorch, got a zip without data.pkl`);
  const prefix = pickle.name.slice(0, -"data.pkl".length);
  const named = new Map(entries.map((entry) => [entry.name, entry] as [string, ZipEntry]));
  const order = named.get(`${prefix}byteorder`);
  if (order !== undefined) {
    const text = Buffer.from(await readEntry(path, order, 16)).toString("latin1");
    if (text !== "little")
      throw new DataError(`${path}: wanted little-endian tensors, got ${JSON.stringify(text)}`);
  }
  const { value } = readPickle(path, await readEntry(path, pickle, MOST_PICKLE_BYTES), RULES);
  return {
    value,
    read: async (tensor) => {
      const { key, length, type } = tensor.storage;
      const entry = named.get(`${prefix}data/${key}`);
      if (entry?.size !== length * type.bytes) {
        throw new DataError(
          `${path}: wanted ${length * type.bytes} bytes of tensor data ${key}, got ${entry?.size ?? "none"}; ` +
            `the file is damaged`,
        );
      }
      return gather(path, tensor, await readEntry(path, entry, entry.size));
    },
  };
}

function openLegacy(path: string, bytes: Buffer): TorchFile {
  const magic = readPickle(path, bytes, RULES);
  if (magic.value !== LEGACY_MAGIC)
    throw new DataError(`${path}: wanted a file of PyTorch, got another pickle`);
  const version = readPickle(path, bytes, RULES, magic.end);
  const system = readPickle(path, bytes, RULES, version.end);
  const little = system.value instanceof Map && system.value.get("little_endian") === true;
  if (!little) throw new DataError(`${path}: wanted little-endian tensors, got others`);
  const storages = new Map<string, TorchStorage>();
  const { value, end } = readPickle(path, bytes, rulesWith(storages), system.end);
  const keys = readPickle(path, bytes, RULES, end);
  const spans = new Map<string, Uint8Array>();
  let at = keys.end;
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    const length = at + 8 <= bytes.length ? Number(bytes.readBigUInt64LE(at)) : NaN;
    if (storage?.length !== length) {
      throw new DataError(
        `${path}: wanted the data of its tensors in their order, got something else; the file is damaged`,
      );
    }
    const stop = at + 8 + length * storage.type.bytes;
    spans.set(storage.key, bytes.subarray(at + 8, stop));
    at = stop;
  }
  return {
    value,
    read: async (tensor) => {
      const { key, length, type } = tensor.storage;
      const span = spans.get(key);
      if (span?.length !== length * type.bytes) {
        throw new DataError(
          `${path}: wanted ${length * type.bytes} bytes of tensor data ${key}, got ${span?.length ?? "none"}; ` +
            `the file is damaged`,
        );
      }
      return Promise.resolve(gather(path, tensor, span));
    },
  };
}

/** The elements of a view, row-major. */
function gather(
  path: string,
  { storage, offset, shape, stride }: TorchTensor,
  bytes: Uint8Array,
): ForeignArray {
  const values = storage.type.read(Uint8Array.from(bytes));
  const length = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * stride[axis]!, offset);
  if (length > storage.length || (length > 0 && last >= storage.length)) {
    throw new DataError(
      `${path}: wanted a tensor within its ${storage.length} numbers, got shape [${shape.join(",")}] ` +
        `and stride [${stride.join(",")}] from ${offset}; the file is not to be trusted`,
    );
  }
  let contiguous = true;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1 && stride[axis] !== step) contiguous = false;
    step *= shape[axis]!;
  }
  if (contiguous) return { shape, data: values.slice(offset, offset + length) };
  const data = values.slice(0, length);
  const position = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < length; i++) {
    data[i] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      from -= position[axis]! * stride[axis]!;
      position[axis] = 0;
    }
  }
  return { shape, data };
}

const RULES = rulesWith(new Map());

/** The allow-list. @param storages Filled with the storages that the pickle names. */
function rulesWith(storages: Map<string, TorchStorage>): PickleRules {
  const refuseCall: PickleFunction = () => {
    throw new Error("a call of a storage type");
  };
  const types = Object.keys(STORAGE_TYPES).map((name) => [`torch.${name}`, refuseCall]);
  const scalarType: PickleFunction = ([name]) => new NumpyType(typeof name === "string" ? name : "?");
  return {
    globals: {
      ...(Object.fromEntries(types) as Record<string, PickleFunction>),
      "collections.OrderedDict": orderedDictionary,
      "torch._utils._rebuild_tensor_v2": rebuildTensor,
      "torch._utils._rebuild_parameter": ([tensor]) => tensor ?? null,
      "numpy.dtype": scalarType,
      "numpy.core.multiarray.scalar": numpyScalar,
      "numpy._core.multiarray.scalar": numpyScalar,
      "_codecs.encode": latin1Bytes,
    },
    persistent: ([id]) => {
      const [kind, type, key, , length, view = null] = Array.isArray(id) ? id : [];
      const known =
        type instanceof PickleGlobal ? STORAGE_TYPES[type.name.replace(/^torch\./, "")] : undefined;
      if (
        kind !== "storage" ||
        typeof key !== "string" ||
        known === undefined ||
        !isSize(length) ||
        view !== null
      ) {
        throw new Error("a persistent identifier of another kind than a tensor's data");
      }
      const storage = new TorchStorage(known, key, length);
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

function rebuildTensor([storage, offset, shape, stride]: readonly PickleValue[]): TorchTensor {
  const fits =
    storage instanceof TorchStorage &&
    isSize(offset) &&
    isSizes(shape) &&
    isSizes(stride) &&
    shape.length === stride.length &&
    shape.length <= MOST_DIMENSIONS;
  if (!fits) throw new Error("a tensor without a storage, a shape and strides");
  return new TorchTensor(storage, offset, shape, stride);
}

function orderedDictionary([items]: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  const pairs = Array.isArray(items) ? items : [];
  const lists = pairs.filter((pair): pair is PickleValue[] => Array.isArray(pair));
  return new Map(lists.map(([key, value]) => [key ?? null, value ?? null]));
}

function numpyScalar([type, bytes]: readonly PickleValue[]): number {
  if (!(type instanceof NumpyType) || !(bytes instanceof Uint8Array))
    throw new Error("a NumPy scalar of objects");
  const view = Buffer.from(bytes);
  const readers: Readonly<Record<string, [number, () => number]>> = {
    f8: [8, () => view.readDoubleLE(0)],
    f4: [4, () => view.readFloatLE(0)],
    i8: [8, () => Number(view.readBigInt64LE(0))],
    i4: [4, () => view.readInt32LE(0)],
  };
  const [length, read] = readers[type.name] ?? [];
  if (read === undefined || length !== bytes.length) throw new Error(`a NumPy scalar of type ${type.name}`);
  return read();
}

/** Python 3 writes bytes so in protocol 2: a string, each letter one byte. */
function latin1Bytes([text, encoding]: readonly PickleValue[]): Uint8Array {
  if (typeof text !== "string" || encoding !== "latin1") throw new Error("text in an unknown encoding");
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}
