/** A Python tuple. */
export class PickleTuple {
  /** @param items What it holds. */
  constructor(readonly items: readonly PickleValue[]) {}
}

/**
 * What a pickle may call: a function of this project that stands for a Python
 * function or class of this name. Nothing else can be named in a pickle.
 */
export class PickleGlobal {
  /**
   * @param name Python's name, such as `collections.OrderedDict`.
   * @param call Called with a tuple's items; undefined if it is but a name.
   */
  constructor(
    readonly name: string,
    readonly call?: (items: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** An object that the unpickler hands through without looking into it. */
export abstract class PickleObject {
  /** What error messages call it. */
  abstract readonly kind: string;
}

/** What a pickle builds. Bytes become null: no tensor needs them. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | PickleTuple
  | PickleGlobal
  | PickleObject
  | Map<string | number | bigint | boolean | null, PickleValue>;

/** A value's kind, for error messages; short whatever it holds. */
export function kindOf(value: PickleValue): string {
  if (value === null) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dict";
  if (value instanceof PickleTuple) return "a tuple";
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof PickleObject) return value.kind;
  return typeof value === "string"
    ? `the string ${JSON.stringify(value.slice(0, 40))}`
    : String(value);
}
