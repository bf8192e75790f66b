import { DataError } from "@limbeck/core";

/** What an allowed global does with its arguments when the pickle calls it; no Python runs. */
export type PickleFunction = (args: readonly PickleValue[]) => PickleValue;

/** A name that the pickle refers to: one of the allow-list. */
export class PickleGlobal {
  readonly name: string;
  readonly call: PickleFunction;

  constructor(name: string, call: PickleFunction) {
    this.name = name;
    this.call = call;
  }
}

/** Anything a pickle of the allow-list may hold. Objects of other classes come from the caller's functions. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleObject;

/** Base of what the functions of an allow-list make. */
export abstract class PickleObject {
  /** Takes the state that a pickle sets after making the object. @throws if it is not understood. */
  abstract setState(state: PickleValue): void;
}

export interface PickleRules {
  /** By `module.name`; every other name is refused. */
  readonly globals: Readonly<Record<string, PickleFunction>>;
  /** What a persistent identifier stands for, as PyTorch's storages. */
  readonly persistent: PickleFunction;
}

/** Longer whole numbers do not occur in files of tensors. */
const MOST_LONG_BYTES = 16;
const MARK = Symbol("mark");

/**
 * Reads one pickle without executing anything: containers, numbers, strings, and calls of the functions of an allow-list,
 * which are ours. Work and memory are bounded by the length of the bytes.
 *
 * @returns The value, and where the pickle ends.
 * @throws {DataError} naming the first global that is not allowed, an instruction that is not known, or damage.
 */
export function readPickle(
  where: string,
  bytes: Uint8Array,
  rules: PickleRules,
  start = 0,
): { readonly value: PickleValue; readonly end: number } {
  try {
    return new Machine(bytes, rules, start).run();
  } catch (error) {
    if (error instanceof RefusedGlobal) {
      throw new DataError(
        `${where}: wanted tensors and plain containers, got a reference to ${error.message}, which could run code; ` +
          `it was not run: save the tensors alone`,
        { cause: error },
      );
    }
    throw new DataError(
      `${where}: wanted a readable pickle, got ${(error as Error).message}; the file is damaged or of another kind`,
      { cause: error },
    );
  }
}

class RefusedGlobal extends Error {}

class Machine {
  readonly #bytes: Buffer;
  readonly #rules: PickleRules;
  readonly #memo = new Map<number, PickleValue>();
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  #at: number;

  constructor(bytes: Uint8Array, rules: PickleRules, start: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#rules = rules;
    this.#at = start;
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      const at = this.#at;
      const code = String.fromCharCode(this.#byte());
      if (code === ".") return { value: this.#pop(), end: this.#at };
      if (!this.#constant(code) && !this.#container(code) && !this.#reference(code)) {
        throw new Error(`the instruction ${JSON.stringify(code)} at byte ${at}`);
      }
    }
  }

  /** Instructions that push a value written in the pickle. */
  #constant(code: string): boolean {
    const push = (value: PickleValue): boolean => this.#stack.push(value) > 0;
    switch (code) {
      case "\x80": {
        const version = this.#byte();
        if (version < 2 || version > 5) throw new Error(`protocol ${version}`);
        return true;
      }
      case "\x95":
        this.#take(8);
        return true;
      case "N":
        return push(null);
      case "\x88":
        return push(true);
      case "\x89":
        return push(false);
      case "K":
        return push(this.#byte());
      case "M":
        return push(this.#take(2).readUInt16LE(0));
      case "J":
        return push(this.#take(4).readInt32LE(0));
      case "G":
        return push(this.#take(8).readDoubleBE(0));
      case "\x8a":
        return push(this.#long(this.#byte()));
      case "\x8b":
        return push(this.#long(this.#take(4).readUInt32LE(0)));
      case "\x8c":
        return push(this.#text(this.#byte()));
      case "X":
        return push(this.#text(this.#take(4).readUInt32LE(0)));
      case "C":
      case "U":
        return push(Uint8Array.from(this.#take(this.#byte())));
      case "B":
      case "T":
        return push(Uint8Array.from(this.#take(this.#take(4).readUInt32LE(0))));
      default:
        return false;
    }
  }

  /** Instructions that build tuples, lists and dictionaries. */
  #container(code: string): boolean {
    const push = (value: PickleValue): boolean => this.#stack.push(value) > 0;
    switch (code) {
      case "(":
        return this.#stack.push(MARK) > 0;
      case "0":
        this.#pop();
        return true;
      case "1":
        this.#popMark();
        return true;
      case ")":
      case "]":
        return push([]);
      case "}":
        return push(new Map<PickleValue, PickleValue>());
      case "t":
      case "l":
        return push(this.#popMark());
      case "\x85":
      case "\x86":
      case "\x87": {
        const length = code.charCodeAt(0) - 0x84;
        const items = Array.from({ length }, () => this.#pop());
        return push(items.reverse());
      }
      case "a": {
        const item = this.#pop();
        this.#top(Array.isArray, "a list").push(item);
        return true;
      }
      case "e": {
        const items = this.#popMark();
        const list = this.#top(Array.isArray, "a list");
        for (const item of items) list.push(item);
        return true;
      }
      case "s": {
        const value = this.#pop();
        const key = this.#pop();
        this.#top(isMap, "a dictionary").set(key, value);
        return true;
      }
      case "u": {
        const items = this.#popMark();
        const map = this.#top(isMap, "a dictionary");
        for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
        return true;
      }
      default:
        return false;
    }
  }

  /** Instructions that name, call or remember something. */
  #reference(code: string): boolean {
    const push = (value: PickleValue): boolean => this.#stack.push(value) > 0;
    switch (code) {
      case "c":
        return push(this.#global(this.#line(), this.#line()));
      case "\x93": {
        const [name, module] = [this.#pop(), this.#pop()];
        if (typeof module !== "string" || typeof name !== "string") throw new Error("a name that is no text");
        return push(this.#global(module, name));
      }
      case "R":
      case "\x81": {
        const args = this.#pop();
        const callee = this.#pop();
        if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
          throw new Error("a call of no function");
        return push(callee.call(args));
      }
      case "b": {
        const state = this.#pop();
        const object = this.#top(isValue, "an object");
        // Dictionaries may carry attributes, such as a state dictionary's versions: they hold no data.
        if (object instanceof PickleObject) object.setState(state);
        else if (!isMap(object)) throw new Error("a state for a plain value");
        return true;
      }
      case "Q":
        return push(this.#rules.persistent([this.#pop()]));
      case "q":
        return this.#remember(this.#byte());
      case "r":
        return this.#remember(this.#take(4).readUInt32LE(0));
      case "\x94":
        return this.#remember(this.#memo.size);
      case "h":
        return push(this.#recall(this.#byte()));
      case "j":
        return push(this.#recall(this.#take(4).readUInt32LE(0)));
      default:
        return false;
    }
  }

  #global(module: string, name: string): PickleGlobal {
    const full = `${module}.${name}`;
    if (!Object.hasOwn(this.#rules.globals, full)) throw new RefusedGlobal(JSON.stringify(full));
    return new PickleGlobal(full, this.#rules.globals[full]!);
  }

  #remember(index: number): true {
    this.#memo.set(index, this.#top(isValue, "a value"));
    return true;
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw new Error(`nothing remembered as ${index}`);
    return value;
  }

  #long(length: number): number | bigint {
    if (length > MOST_LONG_BYTES) throw new Error(`a whole number of ${length} bytes`);
    const digits = this.#take(length).toReversed();
    if (length === 0) return 0;
    const value = BigInt.asIntN(8 * length, BigInt(`0x${Buffer.from(digits).toString("hex")}`));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #text(length: number): string {
    return this.#take(length).toString("utf8");
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new Error("a name without an end");
    const line = this.#bytes.toString("utf8", this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #byte(): number {
    return this.#take(1)[0]!;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Error(`${length} bytes wanted after the end`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw new Error("an empty stack");
    return value;
  }

  #popMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new Error("no mark on the stack");
    const items = this.#stack.splice(mark) as PickleValue[];
    return items.slice(1);
  }

  #top<T extends PickleValue>(is: (value: PickleValue) => value is T, what: string): T {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK || !is(value)) throw new Error(`no ${what} on the stack`);
    return value;
  }
}

function isMap(value: PickleValue): value is Map<PickleValue, PickleValue> {
  return value instanceof Map;
}

function isValue(_value: PickleValue): _value is PickleValue {
  return true;
}
