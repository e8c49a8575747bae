import { join } from "@std/path";
import { removeWhole } from "../temporaries.ts";
import type { SavedCheckpoint } from "./training_state.ts";

/**
 * Keeps the best k saved models of a training.
 *
 * @param saved Those that there are, the best first.
 * @param candidate A model that is not saved yet.
 * @param keep How many: -1 is all.
 * @returns What there is afterwards, the best first, and what is to be removed.
 * Of equal scores the later model is the better.
 */
export function rankCheckpoint(
  saved: readonly SavedCheckpoint[],
  candidate: SavedCheckpoint,
  keep: number,
): { kept: SavedCheckpoint[]; removed: SavedCheckpoint[] } {
  const all = [
    ...saved.filter(({ step }) => step !== candidate.step),
    candidate,
  ].sort((a, b) => b.score - a.score || b.step - a.step);
  const count = keep === -1 ? all.length : keep;
  return { kept: all.slice(0, count), removed: all.slice(count) };
}

/** Removes saved models' folders; one that is gone already is none to mind. */
export function removeCheckpoints(
  folder: string,
  removed: readonly SavedCheckpoint[],
): void {
  for (const { folder: name } of removed) removeWhole(join(folder, name));
}
