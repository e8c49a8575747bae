import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import {
  hubCacheFolder,
  HubError,
  publicName,
  resolveModelPath,
} from "../../src/hub/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER = "fedcba9876543210fedcba9876543210fedcba98";

/** A cache with one model of two revisions, an old model and a data set. */
async function withCache(
  test: (cacheFolder: string) => Promise<void>,
): Promise<void> {
  const cache = await Deno.makeTempDir();
  const add = async (
    repository: string,
    commit: string,
    reference: string,
  ): Promise<void> => {
    const folder = join(cache, repository);
    const referenceFile = join(folder, "refs", reference);
    await Deno.mkdir(join(folder, "snapshots", commit), { recursive: true });
    await Deno.mkdir(join(referenceFile, ".."), { recursive: true });
    await Deno.writeTextFile(referenceFile, commit);
    for (
      const name of [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
      ]
    ) {
      await Deno.writeTextFile(join(folder, "snapshots", commit, name), "{}");
    }
  };
  try {
    await add("models--facebook--convnext-base-224", COMMIT, "main");
    await add("models--facebook--convnext-base-224", OTHER, "refs/pr/1");
    await add("models--gpt2", COMMIT, "main");
    await add("datasets--tanganke--emnist", OTHER, "main");
    await test(cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("resolveModelPath() finds snapshots in the cache", async () => {
  await withCache(async (cacheFolder) => {
    const id = "facebook/convnext-base-224";
    const model = join(cacheFolder, "models--facebook--convnext-base-224");
    const main = join(model, "snapshots", COMMIT);
    const other = join(model, "snapshots", OTHER);
    const find = (text: string): Promise<string> =>
      resolveModelPath(text, { cacheFolder, offline: true });
    assertEquals(await find(id), main);
    assertEquals(await find(`${id}@main`), main);
    assertEquals(await find(`${id}@refs/pr/1`), other);
    assertEquals(await find(`${id}@${OTHER}`), other);
    assertEquals(
      await find("gpt2"),
      join(cacheFolder, "models--gpt2", "snapshots", COMMIT),
    );
    assertEquals(
      await resolveModelPath("tanganke/emnist", {
        cacheFolder,
        repoType: "dataset",
        offline: true,
      }),
      join(cacheFolder, "datasets--tanganke--emnist", "snapshots", OTHER),
    );
    assertEquals(
      await resolveModelPath(id, { cacheFolder, filename: "config.json" }),
      join(main, "config.json"),
    );
    const page = "https://huggingface.co/facebook/convnext-base-224";
    assertEquals(await find(page), main);
    assertEquals(await find(`${page}/`), main);
    assertEquals(await find(`${page}/tree/refs/pr/1`), other);
    await assertRejects(
      () =>
        resolveModelPath(id, {
          cacheFolder,
          filename: "x.json",
          offline: true,
        }),
      HubError,
      `lacks x.json in the Hugging Face cache (${main}), and HF_HUB_OFFLINE`,
    );
    await assertRejects(
      () => resolveModelPath(id, { cacheFolder, filename: "../x" }),
      CheckpointError,
      "leads out of",
    );
  });
});

Deno.test("resolveModelPath() takes a folder or file as it is", async () => {
  assertEquals(await resolveModelPath("tests/hub"), "tests/hub");
  assertEquals(await resolveModelPath("."), ".");
  const file = "tests/data/micro_pool/alpha/model.safetensors";
  assertEquals(await resolveModelPath(file), file);
});

Deno.test("resolveModelPath() offline says where it looked and what to do", async () => {
  await withCache(async (cacheFolder) => {
    const message = async (
      text: string,
      repoType: "model" | "dataset" = "model",
    ): Promise<string> =>
      (await assertRejects(
        () => resolveModelPath(text, { cacheFolder, repoType, offline: true }),
        HubError,
      )).message;
    assertEquals(
      await message("no/body"),
      `no/body is no folder here, is not in the Hugging Face cache (${
        join(cacheFolder, "models--no--body")
      }), and HF_HUB_OFFLINE forbids to download it: correct the path, unset HF_HUB_OFFLINE, or fetch it with \`hf download no/body\``,
    );
    assert(
      (await message("gpt2@v2", "dataset")).endsWith(
        "`hf download gpt2 --repo-type dataset --revision v2`",
      ),
    );
    const model = join(cacheFolder, "models--gpt2", "snapshots", COMMIT);
    await Deno.remove(join(model, "model.safetensors"));
    assertStringIncludes(
      await message("gpt2"),
      "gpt2 is no folder here, lacks model.safetensors or",
    );
  });
});

Deno.test("resolveModelPath() lets no id leave the cache", async () => {
  await withCache(async (cacheFolder) => {
    for (
      const id of [
        "",
        "../no",
        "a/..",
        "a..b/c",
        "a--b/c",
        "a/b/c",
        "/no/such",
        "a\\b",
        "-a/b",
        ".a/b",
        "a/b.",
        "a/b@",
        "a/b@../../../models--gpt2",
        "a/b@..",
        "a/b@/etc",
        "a/b@x/../y",
        "a b/c",
        "https://example.com/a/b",
        "https://huggingface.co/a",
        "https://huggingface.co/datasets/a/b",
        "https://huggingface.co/a/b/tree/../../x",
        "https://huggingface.co/../b",
        "a\0/b",
        `a/${"b".repeat(95)}`,
      ]
    ) {
      await assertRejects(
        () => resolveModelPath(id, { cacheFolder }),
        CheckpointError,
        `${JSON.stringify(id)} does not exist, expected a model's folder or`,
      );
    }
  });
});

Deno.test("a reference that holds a path is not followed", async () => {
  await withCache(async (cacheFolder) => {
    await Deno.writeTextFile(
      join(cacheFolder, "models--gpt2", "refs", "main"),
      "../refs",
    );
    await assertRejects(
      () => resolveModelPath("gpt2", { cacheFolder, offline: true }),
      HubError,
      "is not in the Hugging Face cache",
    );
  });
});

Deno.test("hubCacheFolder() reads the variables of huggingface_hub", () => {
  const variables = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",
    "XDG_CACHE_HOME",
    "HOME",
  ] as const;
  const before = variables.map((name) => Deno.env.get(name));
  try {
    for (const name of variables) Deno.env.delete(name);
    Deno.env.set("HOME", "/home/me");
    assertEquals(hubCacheFolder(), "/home/me/.cache/huggingface/hub");
    Deno.env.set("XDG_CACHE_HOME", "/caches");
    assertEquals(hubCacheFolder(), "/caches/huggingface/hub");
    Deno.env.set("HF_HOME", "~/hf");
    assertEquals(hubCacheFolder(), "/home/me/hf/hub");
    Deno.env.set("HF_HUB_CACHE", "/hub");
    assertEquals(hubCacheFolder(), "/hub");
    Deno.env.set("HF_HUB_CACHE", "");
    assertEquals(hubCacheFolder(), "/home/me/hf/hub");
  } finally {
    for (const [i, name] of variables.entries()) {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

Deno.test("publicName() is a repository's id, or a folder's own name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "facebook", "mine"), { recursive: true });
    const mine = { text: "mine", repositories: [] };
    const id = "facebook/convnext-base-224";
    for (
      const [given, expected] of [
        [id, { text: id, repositories: [id] }],
        [`${id}@main`, { text: id, repositories: [id] }],
        [`${id}@refs/pr/1`, { text: `${id}@refs/pr/1`, repositories: [id] }],
        [`https://huggingface.co/${id}`, { text: id, repositories: [id] }],
        [join(folder, "facebook", "mine"), mine],
        [`${join(folder, "facebook", "mine")}/`, mine],
        [join(folder, "gone", "mine"), mine],
      ] as const
    ) assertEquals(await publicName(given), expected, given);
    // A folder comes before a repository of the same name.
    const before = Deno.cwd();
    Deno.chdir(folder);
    try {
      assertEquals(await publicName("facebook/mine"), mine);
    } finally {
      Deno.chdir(before);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
