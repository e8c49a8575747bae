import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import {
  openSafetensors,
  SafetensorsWriter,
  type StateDict,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { cannotWrite } from "../reason.ts";
import { replaceFile } from "../replace_file.ts";
import { removeWhole } from "../temporaries.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Parameter } from "./parameters.ts";

/** A saved model, and how well it did. */
export interface SavedCheckpoint {
  /** Optimiser steps that it had seen. */
  step: number;
  /** Its folder's name below the log folder. */
  folder: string;
  /** What it is ranked by; the larger, the better. */
  score: number;
}

/**
 * Where a training is: all that a run which goes on needs beside the tensors.
 * Which images come next follows from seed and step.
 */
export interface TrainingProgress {
  /** What must be the same for the run to go on. */
  recipe: Readonly<Record<string, unknown>>;
  /** Optimiser steps taken. */
  step: number;
  /** Steps that each bucket of the optimiser has taken. */
  optimizerSteps: number[];
  /** Bytes of the CSV log. */
  csvLength: number;
  /** The event file's name, and its bytes. */
  events: { name: string; length: number };
  /** Models that were saved and kept. */
  checkpoints: SavedCheckpoint[];
}

const PROGRESS = "training_state.json";

/**
 * Saves where a training is, so that it can be killed at any moment: tensors
 * go to a file of their own, and only when it is whole does the small file
 * that names it replace the one before.
 */
export async function saveTrainingState(
  folder: string,
  progress: TrainingProgress,
  parameters: readonly Parameter[],
  optimizer: Optimizer,
): Promise<void> {
  const file = tensorsFile(progress.step);
  const tensors = new Map<string, tf.Tensor>();
  for (const { name, variable } of parameters) tensors.set(name, variable);
  for (const { name, tensor } of optimizer.tensors()) {
    tensors.set(`optimizer.${name}`, tensor);
  }
  const writer = await SafetensorsWriter.create(
    join(folder, file),
    Array.from(tensors, ([name, { shape }]) => ({ name, dtype: "F32", shape })),
  );
  try {
    for (const [name, tensor] of tensors) {
      await writer.write(name, 0, await tensor.data() as Float32Array);
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const state = join(folder, PROGRESS);
  try {
    replaceFile(state, JSON.stringify(progress, null, 2) + "\n");
  } catch (error) {
    throw cannotWrite(state, error);
  }
  removeOtherTensors(folder, file);
}

/** Reads where a training is; undefined if the folder holds none. */
export async function readTrainingProgress(
  folder: string,
): Promise<TrainingProgress | undefined> {
  const path = join(folder, PROGRESS);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new CheckpointError(
      `${path}: cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
  try {
    const progress = JSON.parse(text) as TrainingProgress;
    if (
      Number.isInteger(progress.step) && Array.isArray(progress.checkpoints) &&
      typeof progress.recipe === "object" && progress.recipe !== null
    ) return progress;
  } catch {
    // Told below, as what is no state of a training.
  }
  throw new CheckpointError(
    `${path}: found ${
      JSON.stringify(text.slice(0, 40))
    }, expected the state of a training (resume=false begins a new one)`,
  );
}

/** Gives weights and optimiser the values that a training had. */
export async function restoreTensors(
  folder: string,
  progress: TrainingProgress,
  parameters: readonly Parameter[],
  optimizer: Optimizer,
): Promise<void> {
  const state = await openSafetensors(
    join(folder, tensorsFile(progress.step)),
  );
  try {
    for (const { name, variable } of parameters) {
      checkShape(state, name, variable.shape);
      const values = await state.read(name);
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    }
    for (const { name, tensor } of optimizer.tensors()) {
      checkShape(state, `optimizer.${name}`, tensor.shape);
    }
    await optimizer.restore(
      progress.optimizerSteps,
      (name) => state.read(`optimizer.${name}`),
    );
    // Of a run that was killed before it had removed them.
    removeOtherTensors(folder, tensorsFile(progress.step));
  } finally {
    state.close();
  }
}

function checkShape(
  state: StateDict,
  name: string,
  shape: readonly number[],
): void {
  const found = state.info(name).shape;
  if (`${found}` === `${shape}`) return;
  throw new CheckpointError(
    `${state.source}: tensor ${name} has shape [${found}], expected [${shape}] (resume=false begins a new training)`,
  );
}

/** Removes the state of another training, and what it saved. */
export function removeTrainingState(folder: string): void {
  removeIfThere(join(folder, PROGRESS));
  removeOtherTensors(folder, undefined);
  const checkpoints = join(folder, "checkpoints");
  for (const name of namesIn(checkpoints)) removeWhole(join(checkpoints, name));
  removeIfThere(checkpoints);
  removeEventFiles(folder, undefined);
}

/** Removes event files other than one: of attempts that saved no state. */
export function removeEventFiles(
  folder: string,
  keep: string | undefined,
): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.startsWith("events.out.tfevents.") && name !== keep) {
      removeIfThere(join(folder, name));
    }
  }
}

function tensorsFile(step: number): string {
  return `training_state.${String(step).padStart(8, "0")}.safetensors`;
}

function removeOtherTensors(folder: string, keep: string | undefined): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (/^\.?training_state\.\d+\.safetensors/.test(name) && name !== keep) {
      removeIfThere(join(folder, name));
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
