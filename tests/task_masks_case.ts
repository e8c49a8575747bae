import { openCheckpoint, type StateDict } from "../src/checkpoint/mod.ts";
import {
  type MultiTaskModel,
  stateDictOf,
  taskStateDict,
} from "../src/convnext/mod.ts";
import { loadMethod } from "../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  mergeModels,
} from "../src/modelpool/mod.ts";
import { openMicroPool } from "./merge_case.ts";
import { dataPath, mergeDifference } from "./reference.ts";
import { testBackend } from "./test_backend.ts";

/** The micro pool, `_pretrained_` and the experts named. */
export function microModelPool(
  experts: readonly string[] = ["alpha", "beta", "gamma"],
): ConvNextForImageClassificationPool {
  const folder = dataPath("tests/data/micro_pool");
  return new ConvNextForImageClassificationPool({
    models: {
      _pretrained_: `${folder}/pretrained`,
      ...Object.fromEntries(experts.map((name) => [name, `${folder}/${name}`])),
    },
  });
}

/** A task's backbone, as its mask gives it back. */
export function taskBackbone(model: MultiTaskModel, task: string): StateDict {
  return taskStateDict(stateDictOf(model.model), model.masks!, task);
}

/**
 * How far the merged backbone and every task's are from
 * `golden/merge_tasks/NAME.safetensors`, the worse of a run in chunks of 1,000
 * elements and a whole one.
 */
export async function taskDifference(
  golden: string,
  method: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  await testBackend();
  const file = await openCheckpoint(
    dataPath(`tests/data/golden/merge_tasks/${golden}.safetensors`),
  );
  const { pretrained } = await openMicroPool([]);
  let worst = 0;
  for (const chunkSize of [1000, 1 << 30]) {
    const model = await mergeModels(
      microModelPool(),
      await loadMethod(method, parameters),
      { chunkSize },
    );
    for (const task of ["merged", "alpha", "beta", "gamma"]) {
      const { difference } = await mergeDifference(
        task === "merged"
          ? stateDictOf(model.model)
          : taskBackbone(model, task),
        part(file, task),
        pretrained,
      );
      if (!(difference <= worst)) worst = difference;
    }
    await model.dispose();
  }
  file.close();
  pretrained.close();
  return worst;
}

/** The tensors of a golden file under one name. */
export function part(file: StateDict, name: string): StateDict {
  return {
    names: file.names.filter((tensor) => tensor.startsWith(`${name}/`))
      .map((tensor) => tensor.slice(name.length + 1)),
    source: file.source,
    info: (tensor) => file.info(`${name}/${tensor}`),
    read: (tensor, begin, end) => file.read(`${name}/${tensor}`, begin, end),
    close: () => {},
  };
}
