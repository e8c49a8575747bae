import { assertEquals, assertNotEquals } from "@std/assert";
import { knownSha256, sha256File } from "../../src/checkpoint/mod.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

Deno.test("a remembered SHA-256 is that of the file, changed ones are hashed again", async () => {
  await inTemporaryFolder(async (folder) => {
    const cache = Deno.env.get("XDG_CACHE_HOME");
    Deno.env.set("XDG_CACHE_HOME", `${folder}/cache`);
    try {
      const file = `${folder}/weights`;
      await Deno.writeTextFile(file, "one");
      const first = await knownSha256(file);
      assertEquals(first, await sha256File(file));
      assertEquals(await knownSha256(file), first);
      await Deno.writeTextFile(file, "another");
      const second = await knownSha256(file);
      assertEquals(second, await sha256File(file));
      assertNotEquals(second, first);
      await Deno.writeTextFile(
        `${folder}/cache/convnext-fusion/sha256.json`,
        "{",
      );
      assertEquals(await knownSha256(file), second);
    } finally {
      if (cache === undefined) Deno.env.delete("XDG_CACHE_HOME");
      else Deno.env.set("XDG_CACHE_HOME", cache);
    }
  });
});
