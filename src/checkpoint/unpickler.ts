import { PickleBytes } from "./pickle_bytes.ts";
import {
  kindOf,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
} from "./pickle_value.ts";

/** Instructions that one pickle may have; a large model needs some ten thousand. */
const MOST_INSTRUCTIONS = 500_000;
/** Largest number of the memo; instructions set the number of its entries. */
const LARGEST_MEMO_INDEX = 10_000_000;

/** What a pickle is read with. */
export interface UnpickleOptions {
  /** What error messages call the file. */
  readonly source: string;
  /**
   * What `module.name` stands for; throws for whatever is not allowed.
   */
  findGlobal(module: string, name: string): PickleValue;
  /** The object that a persistent id stands for. */
  load(id: PickleValue): PickleValue;
}

/**
 * Reads a pickle without Python's power: it can build lists, tuples, dicts,
 * numbers and strings, and call what `findGlobal` gives, nothing else. There
 * is no attribute access, no import and no recursion.
 *
 * @param bytes Hold the pickle, and perhaps more after it.
 * @param begin Where it begins.
 * @returns Its value, and where it ended.
 * @see https://docs.python.org/3/library/pickletools.html
 * @throws {CheckpointError} If it is damaged, too large, or asks for anything
 * that is not allowed.
 */
export function unpickle(
  bytes: Uint8Array,
  begin: number,
  options: UnpickleOptions,
): { value: PickleValue; end: number } {
  return new Unpickler(bytes, begin, options).run();
}

class Unpickler {
  readonly #bytes: PickleBytes;
  readonly #options: UnpickleOptions;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at its open marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, begin: number, options: UnpickleOptions) {
    this.#bytes = new PickleBytes(options.source, bytes, begin);
    this.#options = options;
  }

  run(): { value: PickleValue; end: number } {
    for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
      const code = this.#bytes.uint8();
      if (code === 0x2e) { // "."
        return { value: this.#pop(), end: this.#bytes.position };
      }
      this.#step(String.fromCharCode(code));
    }
    return this.#bytes.fail(
      `more than ${MOST_INSTRUCTIONS} instructions, expected a state dict`,
    );
  }

  /** One instruction, by pickle's own letters. */
  #step(code: string): void {
    const bytes = this.#bytes;
    const push = (value: PickleValue): void => {
      this.#stack.push(value);
    };
    switch (code) {
      case "\x80": { // PROTO
        const protocol = bytes.uint8();
        if (protocol > 5) bytes.fail(`pickle protocol ${protocol}`);
        return;
      }
      case "\x95": // FRAME
        bytes.uint64();
        return;
      case "(":
        this.#marks.push(this.#stack.length);
        return;
      case "0":
        this.#pop();
        return;
      case "1":
        this.#popMark();
        return;
      case "2":
        return push(this.#top());
      case "N":
        return push(null);
      case "\x88":
        return push(true);
      case "\x89":
        return push(false);
      case "J":
        return push(bytes.int32());
      case "K":
        return push(bytes.uint8());
      case "M":
        return push(bytes.uint16());
      case "\x8a": // LONG1
        return push(bytes.integer(bytes.uint8()));
      case "\x8b": // LONG4
        return push(bytes.integer(bytes.uint32()));
      case "G":
        return push(bytes.float64());
      case "U": // SHORT_BINSTRING, as Python 2 writes
      case "\x8c":
        return push(bytes.text(bytes.uint8()));
      case "T": // BINSTRING
      case "X":
        return push(bytes.text(bytes.uint32()));
      case "\x8d": // BINUNICODE8
        return push(bytes.text(bytes.uint64()));
      case "C": // SHORT_BINBYTES
        bytes.skip(bytes.uint8());
        return push(null);
      case "B": // BINBYTES
        bytes.skip(bytes.uint32());
        return push(null);
      case ")":
        return push(new PickleTuple([]));
      case "t":
        return push(new PickleTuple(this.#popMark()));
      case "\x85":
      case "\x86":
      case "\x87": { // TUPLE1, TUPLE2, TUPLE3
        const items = [];
        for (let i = code.charCodeAt(0); i >= 0x85; i--) {
          items.unshift(this.#pop());
        }
        return push(new PickleTuple(items));
      }
      case "]":
        return push([]);
      case "l":
        return push(this.#popMark());
      case "a":
        return this.#append([this.#pop()]);
      case "e":
        return this.#append(this.#popMark());
      case "}":
        return push(new Map());
      case "d": {
        const items = this.#popMark();
        push(new Map());
        return this.#setItems(items);
      }
      case "s": {
        const value = this.#pop();
        return this.#setItems([this.#pop(), value]);
      }
      case "u":
        return this.#setItems(this.#popMark());
      case "q":
        return this.#remember(bytes.uint8());
      case "r":
        return this.#remember(bytes.uint32());
      case "\x94": // MEMOIZE
        return this.#remember(this.#memo.size);
      case "h":
        return push(this.#recall(bytes.uint8()));
      case "j":
        return push(this.#recall(bytes.uint32()));
      case "c":
        return push(this.#options.findGlobal(bytes.line(), bytes.line()));
      case "\x93": { // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof module !== "string" || typeof name !== "string") {
          return bytes.fail(`${kindOf(name)} as the name of a global`);
        }
        return push(this.#options.findGlobal(module, name));
      }
      case "R":
        return this.#call();
      case "b":
        return this.#setState();
      case "Q":
        return push(this.#options.load(this.#pop()));
      default:
        bytes.fail(
          `instruction 0x${
            code.charCodeAt(0).toString(16).padStart(2, "0")
          }, which no state dict needs`,
        );
    }
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      return this.#bytes.fail("an instruction finds nothing to work on");
    }
    return this.#stack.at(-1)!;
  }

  #popMark(): PickleValue[] {
    const begin = this.#marks.pop();
    if (begin === undefined) return this.#bytes.fail("there is no mark");
    return this.#stack.splice(begin);
  }

  #append(items: PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) {
      return this.#bytes.fail(`an item is appended to ${kindOf(list)}`);
    }
    for (const item of items) list.push(item);
  }

  #setItems(items: PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) {
      return this.#bytes.fail(`an item is set in ${kindOf(dict)}`);
    }
    if (items.length % 2 > 0) this.#bytes.fail("a key has no value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (typeof key === "object" && key !== null) {
        return this.#bytes.fail(`a dict has ${kindOf(key)} for a key`);
      }
      dict.set(key, items[i + 1]!);
    }
  }

  #remember(index: number): void {
    if (index > LARGEST_MEMO_INDEX) {
      this.#bytes.fail(`number ${index} of the memo`);
    }
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) {
      return this.#bytes.fail(`number ${index} of the memo is not set`);
    }
    return value;
  }

  #call(): void {
    const items = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof PickleGlobal) || !callee.call) {
      return this.#bytes.fail(`${kindOf(callee)} is called`);
    }
    if (!(items instanceof PickleTuple)) {
      return this.#bytes.fail(`${callee.name} is called with ${kindOf(items)}`);
    }
    this.#stack.push(callee.call(items.items));
  }

  /** State beside a dict's items, such as `_metadata`, is passed over. */
  #setState(): void {
    this.#pop();
    const target = this.#top();
    if (!(target instanceof Map)) {
      this.#bytes.fail(`state is set on ${kindOf(target)}`);
    }
  }
}
