import { assertEquals } from "@std/assert";
import { findChoice } from "../../src/config/source.ts";

for (
  const [name, path] of [
    ["iso_c", "isotropic_merging/iso_c"],
    ["wudi", "wudi/wudi"],
    ["task_arithmetic", "task_arithmetic"],
    ["weighted_average", "linear/weighted_average"],
  ] as const
) {
  Deno.test(`the last part ${name} means ${path}, not a method around it`, async () => {
    const choice = await findChoice("method", name);
    assertEquals(choice.kind === "file" ? choice.file.name : "", path);
  });
}
