import { presetIndex } from "../config/mod.ts";
import { availableDatasets } from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";

/** `fusion list [method|modelpool|taskpool|dataset] [--json]` */
export async function list(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { targets: _, ...groups } = await presetIndex();
  const all: Record<string, readonly string[]> = {
    ...groups,
    dataset_name: availableDatasets(),
  };
  for (const word of words) {
    if (!(word in all)) {
      throw new ConfigError(
        `${word}: no such list, expected ${Object.keys(all).join(", ")}`,
      );
    }
  }
  const chosen = words.length === 0 ? Object.keys(all) : words;
  if (json) {
    console.log(
      JSON.stringify(
        Object.fromEntries(chosen.map((group) => [group, all[group]])),
        null,
        2,
      ),
    );
    return;
  }
  for (const group of chosen) {
    console.log(`${group}:`);
    for (const name of all[group]!) console.log(`  ${name}`);
  }
}
