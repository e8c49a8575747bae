import { CheckpointError } from "../fusion_error.ts";
import { shown } from "./shown.ts";

/**
 * Finds a key that stands twice in one object, which `JSON.parse` hides.
 *
 * @param json Text that `JSON.parse` accepts.
 * @returns The first such key, or undefined.
 */
export function duplicateKey(json: string): string | undefined {
  // One entry an open bracket: an object's keys so far, nothing for an array.
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let i = 0; i < json.length; i++) {
    switch (json[i]) {
      case "{":
        open.push(new Set());
        expectsKey = true;
        break;
      case "[":
        open.push(undefined);
        expectsKey = false;
        break;
      case "}":
      case "]":
        open.pop();
        expectsKey = false;
        break;
      case ",":
        expectsKey = open.at(-1) !== undefined;
        break;
      case '"': {
        const begin = i;
        for (i++; json[i] !== '"'; i++) {
          if (json[i] === "\\") i++;
        }
        if (!expectsKey) break;
        const key = JSON.parse(json.slice(begin, i + 1)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return key;
        keys.add(key);
        expectsKey = false;
      }
    }
  }
  return undefined;
}

/**
 * Checks that no key of a JSON file stands twice in one object.
 *
 * @throws {CheckpointError} If one does; the message names file and key.
 */
export function checkKeysOnce(path: string, json: string): void {
  const twice = duplicateKey(json);
  if (twice === undefined) return;
  throw new CheckpointError(
    `${path} has ${shown(twice)} twice, expected every name once`,
  );
}
