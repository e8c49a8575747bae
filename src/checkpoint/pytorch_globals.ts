import { CheckpointError } from "../fusion_error.ts";
import {
  kindOf,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
} from "./pickle_value.ts";
import { PytorchStorage, PytorchTensor } from "./pytorch_tensor.ts";
import type { DType } from "./state_dict.ts";
import { unpickle } from "./unpickler.ts";
import { shown } from "./shown.ts";

/** Storage classes by the type of their elements. */
export const STORAGES: Readonly<Record<string, DType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Names without power that stand beside tensors in some files. */
const DTYPES = new Set(
  ["float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8"]
    .concat("bool"),
);

/**
 * Reads a pickle that `torch.save` wrote. It may name `OrderedDict`, tensors,
 * parameters and storages; anything else is refused by its name.
 *
 * @param bytes Hold the pickle.
 * @param begin Where it begins.
 * @returns Its value, and where it ended.
 * @throws {CheckpointError} If it is damaged or names anything else.
 */
export function unpickleTensors(
  source: string,
  bytes: Uint8Array,
  begin = 0,
): { value: PickleValue; end: number } {
  const fail = (problem: string): never => {
    throw new CheckpointError(`${source}: ${problem}`);
  };
  const globals = new Map<string, PickleValue>();
  const define = (
    name: string,
    call?: (items: readonly PickleValue[]) => PickleValue,
  ): void => {
    globals.set(name, new PickleGlobal(name, call));
  };
  define("collections.OrderedDict", (items) => {
    if (items.length > 0) fail("an OrderedDict with arguments");
    return new Map();
  });
  define("torch.Size", ([items]) => {
    return items instanceof PickleTuple ? items : new PickleTuple([]);
  });
  for (const name of ["_rebuild_tensor_v2", "_rebuild_tensor"]) {
    define(`torch._utils.${name}`, (items) => rebuildTensor(items, fail));
  }
  define("torch._utils._rebuild_parameter", ([tensor]) => {
    return tensor instanceof PytorchTensor
      ? tensor
      : fail("a parameter without a tensor");
  });
  for (const name of Object.keys(STORAGES)) define(`torch.${name}`);
  for (const name of DTYPES) define(`torch.${name}`);

  return unpickle(bytes, begin, {
    source,
    findGlobal: (module, name) =>
      globals.get(`${module}.${name}`) ?? fail(
        `its pickle names ${
          shown(`${module}.${name}`)
        }, which is not needed to build tensors: nothing of it was run`,
      ),
    load: (id) => storageOf(id, fail),
  });
}

type Fail = (problem: string) => never;

function rebuildTensor(
  [storage, offset, shape, strides]: readonly PickleValue[],
  fail: Fail,
): PytorchTensor {
  if (
    !(storage instanceof PytorchStorage) || typeof offset !== "number" ||
    !(shape instanceof PickleTuple) || !(strides instanceof PickleTuple)
  ) {
    return fail("a tensor without storage, offset, shape or strides");
  }
  const tensor = new PytorchTensor(
    storage,
    offset,
    shape.items as number[],
    strides.items as number[],
  );
  const problem = tensor.problem();
  return problem === undefined ? tensor : fail(problem);
}

/** `("storage", class, key, device, size)`; old files add a view of a part. */
function storageOf(id: PickleValue, fail: Fail): PytorchStorage {
  const items = id instanceof PickleTuple ? id.items : [];
  const [kind, type, key, , size, view] = items;
  if (
    kind !== "storage" || !(type instanceof PickleGlobal) ||
    typeof key !== "string" || typeof size !== "number"
  ) {
    return fail(`${kindOf(id)} in place of a storage`);
  }
  const dtype = STORAGES[type.name.replace(/^torch\./, "")];
  if (dtype === undefined) return fail(`${type.name} in place of a storage`);
  if (!(view instanceof PickleTuple)) {
    return new PytorchStorage(key, dtype, size);
  }
  const [, begin, viewSize] = view.items;
  if (
    typeof begin !== "number" || typeof viewSize !== "number" ||
    !(begin >= 0 && viewSize >= 0 && begin + viewSize <= size)
  ) {
    return fail(`storage ${shown(key)} has a view outside of it`);
  }
  return new PytorchStorage(key, dtype, viewSize, begin);
}
