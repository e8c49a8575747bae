import { dirname } from "@std/path";
import {
  elementCount,
  memoryStateDict,
  SafetensorsWriter,
  saveTensors,
  type StateDict,
  type TensorInfo,
} from "../checkpoint/mod.ts";
import {
  fusionTargetsAmong,
  MASK_METADATA,
  maskFile,
  TaskMasks,
} from "../convnext/mod.ts";
import {
  baseOf,
  type BoundMethod,
  findTaskMasks,
  type MergeOptions,
  type MergePool,
  targetTensors,
} from "../merge/mod.ts";

type Tensors = ReadonlyMap<string, TensorInfo>;

/** The tensors of a mask file: a bit an element, and the scale. */
function maskTensors(
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, TensorInfo> {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shape] of shapes) {
    const bytes = Math.ceil(elementCount(shape) / 8);
    tensors.set(name, { dtype: "U8", shape: [bytes] });
  }
  return tensors.set("scale", { dtype: "F32", shape: [] });
}

/**
 * Finds the masks of a pool and writes them into a merged model's folder,
 * streamed.
 */
export async function writeTaskMasks(
  folder: string,
  pool: MergePool,
  method: BoundMethod,
  options: MergeOptions,
): Promise<void> {
  const targets = fusionTargetsAmong(baseOf(pool).names);
  const shapes = targetTensors(pool, targets);
  const writers = new Map<string, SafetensorsWriter>();
  try {
    for (const task of pool.models.keys()) {
      writers.set(task, await createWriter(folder, task, maskTensors(shapes)));
    }
    const scales = await findTaskMasks(pool, method, {
      write: (task, name, firstByte, bytes) =>
        writers.get(task)!.write(name, firstByte, bytes),
    }, { targets, ...options });
    for (const [task, writer] of writers) {
      await writer.write("scale", 0, Float32Array.of(scales.get(task)!));
      await writer.finish();
    }
  } catch (error) {
    for (const writer of writers.values()) await writer.abort();
    throw error;
  }
  await saveTensors(maskFile(folder), pool.pretrained!, {
    names: [...shapes.keys()],
  });
}

/** Finds the masks of a pool, in memory. */
export async function taskMasksInMemory(
  pool: MergePool,
  pretrained: StateDict,
  method: BoundMethod,
  options: MergeOptions,
): Promise<TaskMasks> {
  const targets = fusionTargetsAmong(baseOf(pool).names);
  const tensors = new Map(
    Array.from(pool.models.keys(), (task) => [
      task,
      new Map(
        Array.from(
          maskTensors(targetTensors(pool, targets)),
          ([name, { dtype, shape }]) => [name, {
            dtype,
            shape,
            data: new Float32Array(elementCount(shape)),
          }],
        ),
      ),
    ]),
  );
  const scales = await findTaskMasks(pool, method, {
    write(task, name, firstByte, bytes) {
      tensors.get(task)!.get(name)!.data.set(bytes, firstByte);
      return Promise.resolve();
    },
  }, { targets, ...options });
  const masks = new Map<string, StateDict>();
  for (const [task, mask] of tensors) {
    mask.get("scale")!.data[0] = scales.get(task)!;
    masks.set(task, memoryStateDict(mask, `mask of ${task}`));
  }
  return new TaskMasks(pretrained, masks);
}

async function createWriter(
  folder: string,
  task: string,
  tensors: Tensors,
): Promise<SafetensorsWriter> {
  const path = maskFile(folder, task);
  await Deno.mkdir(dirname(path), { recursive: true });
  return await SafetensorsWriter.create(
    path,
    Array.from(tensors, ([name, info]) => ({ name, ...info })),
    MASK_METADATA,
  );
}
