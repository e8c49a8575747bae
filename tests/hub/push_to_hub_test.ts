import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { CheckpointError } from "../../src/fusion_error.ts";
import {
  HubError,
  pushToHub,
  type PushToHubOptions,
} from "../../src/hub/mod.ts";
import { someBytes, someModel, walk, withHub } from "./hub_case.ts";

const FILES = {
  ...someModel(someBytes(200_000)),
  "README.md": "# Größe\n",
  "merge.json": "",
  "heads/a/config.json": "{}",
  "heads/a/model.safetensors": someBytes(1000),
};

async function writeFiles(folder: string): Promise<void> {
  for (
    const [path, content] of Object.entries({ ...FILES, ".git/config": "no" })
  ) {
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    if (typeof content === "string") {
      await Deno.writeTextFile(join(folder, path), content);
    } else await Deno.writeFile(join(folder, path), content);
  }
}

Deno.test("pushToHub() creates a repository and uploads a folder in one commit", async () => {
  await withHub(async ({ hub, options, cacheFolder, get }) => {
    const folder = join(cacheFolder, "out put");
    await writeFiles(folder);
    hub.users.set("hf_me", { name: "me", write: true });
    const push = (more: PushToHubOptions = {}): Promise<string> =>
      pushToHub(folder, "me/merged", {
        ...options,
        token: "hf_me",
        private: true,
        ...more,
      });
    hub.fault({ path: /preupload/, status: 502 });
    hub.fault({ path: /commit/, status: 429 });
    hub.fault({ path: /^storage:/, status: 500, times: 2 });
    const url = await push();
    const repository = hub.repositories.get("models/me/merged")!;
    assertEquals(repository.options.private, true);
    const commit = repository.resolve("main")!;
    assertEquals(url, `${hub.url}/me/merged/commit/${commit}`);
    assertEquals(repository.titles, ["initial commit", "Upload model"]);
    const tree = repository.commits.get(commit)!;
    assertEquals([...tree.keys()].sort(), Object.keys(FILES).sort());
    for (const [path, content] of Object.entries(FILES)) {
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      assertEquals(tree.get(path)!.bytes, bytes);
      assertEquals(
        tree.get(path)!.sha256 !== undefined,
        path.endsWith(".safetensors"),
      );
    }
    // Again: what is there already is not uploaded again, what else is stays.
    const uploads = hub.uploads.size;
    await Deno.writeTextFile(join(folder, "README.md"), "# New");
    await Deno.remove(join(folder, "merge.json"));
    await push({ commitMessage: "Better card" });
    assertEquals(hub.uploads.size, uploads);
    assertEquals(repository.titles.at(-1), "Better card");
    const second = repository.commits.get(repository.resolve("main")!)!;
    assertEquals(second.get("README.md")!.bytes.length, 5);
    assert(second.has("merge.json"));

    // What was pushed can be had again.
    const back = await get("me/merged", { token: "hf_me" });
    assertEquals(walk(back).length, Object.keys(FILES).length - 1);
  });
});

Deno.test("pushToHub() says why it cannot", async () => {
  await withHub(async ({ hub, options, cacheFolder }) => {
    const folder = join(cacheFolder, "out");
    await writeFiles(folder);
    hub.users.set("hf_me", { name: "me", write: true });
    hub.users.set("hf_read", { name: "me" });
    hub.put("you/model", {});
    const failure = async (
      repository: string,
      token: string,
      code: HubError["code"],
      more: PushToHubOptions = {},
    ): Promise<string> => {
      const error = await assertRejects(
        () => pushToHub(folder, repository, { ...options, token, ...more }),
        HubError,
      );
      assertEquals(error.code, code);
      return error.message;
    };
    assertEquals(
      await failure("me/model", "", "token"),
      `me/model: to push to it, set HF_TOKEN to an access token that may write (${hub.url}/settings/tokens)`,
    );
    assertEquals(
      await failure("me/model", "hf_read", "forbidden"),
      `me/model: ${hub.url} refuses access (403: the token may not write): the token of token needs the right to do this, see ${hub.url}/settings/tokens`,
    );
    assertStringIncludes(
      await failure("you/model", "hf_me", "forbidden"),
      "(403: the user may not write here)",
    );
    assertStringIncludes(
      await failure("us/model", "hf_me", "forbidden"),
      "(403: no right to create in us)",
    );
    assertStringIncludes(
      await failure("me/model", "hf_old", "token"),
      "does not accept the token",
    );
    assertStringIncludes(
      await failure("me/model", "hf_me", "offline", { offline: true }),
      "HF_HUB_OFFLINE forbids to push",
    );
    for (const name of ["model", "me/../x", "me/a/b", "https://x/y"]) {
      assertStringIncludes(
        await failure(name, "hf_me", "upload"),
        `${JSON.stringify(name)} is no repository to push to`,
      );
    }
    await assertRejects(
      () => pushToHub(cacheFolder, "me/model", { ...options, token: "hf_me" }),
      CheckpointError,
      "has no config.json or model.json, expected a model's folder to push",
    );
    assertEquals(hub.uploads.size, 0);
  });
});
