import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  type DownloadProgress,
  downloadRepository,
  setDownloadListener,
} from "../../src/hub/mod.ts";
import { storeFile } from "../hub_server/stored_repository.ts";
import { someBytes, someModel, walk, withHub } from "./hub_case.ts";

Deno.test("a model is downloaded once, in the layout of huggingface_hub", async () => {
  await withHub(async ({ hub, get, cacheFolder }) => {
    const files = { ...someModel(), "README.md": "#", "tf_model.h5": "no" };
    const commit = hub.put("me/model", files);
    const folder = await get("me/model");
    const repository = join(cacheFolder, "models--me--model");
    assertEquals(folder, join(repository, "snapshots", commit));

    const { oid } = storeFile("config.json", files["config.json"]);
    const processor = storeFile("preprocessor_config.json", "{}").oid;
    const weights = storeFile(
      "model.safetensors",
      files["model.safetensors"],
    ).sha256!;
    assertEquals(
      walk(repository),
      [
        `blobs/${oid}`,
        `blobs/${processor}`,
        `blobs/${weights}`,
        "refs/main",
        `snapshots/${commit}/config.json`,
        `snapshots/${commit}/model.safetensors`,
        `snapshots/${commit}/preprocessor_config.json`,
        `trees/${commit}.json`,
      ].sort(),
    );
    assertEquals(
      await Deno.readLink(join(folder, "model.safetensors")),
      `../../blobs/${weights}`,
    );
    assertEquals(
      await Deno.readTextFile(join(repository, "refs", "main")),
      commit,
    );
    assertEquals(
      await Deno.readFile(join(folder, "model.safetensors")),
      files["model.safetensors"],
    );
    const count = hub.requests.length;
    assertEquals(await get("me/model"), folder);
    assertEquals(hub.requests.length, count);
  });
});

Deno.test("revisions: branch, tag, pull request, commit", async () => {
  await withHub(async ({ hub, get, failure, cacheFolder }) => {
    const first = hub.put("me/model", someModel(someBytes(10)));
    const second = hub.put("me/model", someModel(someBytes(20)));
    const third = hub.put("me/model", someModel(someBytes(30)), {
      branch: "refs/pr/1",
    });
    const snapshots = join(cacheFolder, "models--me--model", "snapshots");
    assertEquals(await get("me/model"), join(snapshots, second));
    assertEquals(await get(`me/model@${first}`), join(snapshots, first));
    assertEquals(await get("me/model@refs/pr/1"), join(snapshots, third));
    assertEquals(
      await Deno.readTextFile(
        join(cacheFolder, "models--me--model", "refs", "refs", "pr", "1"),
      ),
      third,
    );
    for (const [commit, size] of [[first, 10], [second, 20], [third, 30]]) {
      const path = join(snapshots, `${commit}`, "model.safetensors");
      assertEquals((await Deno.stat(path)).size, size);
    }
    assertEquals(
      await failure("me/model@v9", "revision"),
      `me/model has no revision v9 at ${hub.url}, expected a branch, a tag or a commit: see ${hub.url}/me/model/commits/main`,
    );
  });
});

Deno.test("only what a ConvNeXt needs is downloaded", async () => {
  await withHub(async ({ hub, get, failure }) => {
    const names = async (id: string): Promise<string[]> => walk(await get(id));
    const index = (file: string): string =>
      JSON.stringify({ weight_map: { a: file, b: "x-2" + file, c: file } });
    const other = {
      "optimizer.pt": "x",
      ".gitattributes": "",
      "README.md": "",
    };
    hub.put("a/shards", {
      ...other,
      "config.json": "{}",
      "model.safetensors.index.json": index("s.safetensors"),
      "s.safetensors": "1",
      "x-2s.safetensors": "2",
      "pytorch_model.bin": "3",
    });
    assertEquals(await names("a/shards"), [
      "config.json",
      "model.safetensors.index.json",
      "s.safetensors",
      "x-2s.safetensors",
    ]);
    hub.put("a/bin", {
      ...other,
      "config.json": "{}",
      "pytorch_model.bin": "3",
    });
    assertEquals(await names("a/bin"), ["config.json", "pytorch_model.bin"]);
    hub.put("a/bins", {
      ...other,
      "config.json": "{}",
      "pytorch_model.bin.index.json": index("s.bin"),
      "s.bin": "1",
      "x-2s.bin": "2",
    });
    assertEquals(await names("a/bins"), [
      "config.json",
      "pytorch_model.bin.index.json",
      "s.bin",
      "x-2s.bin",
    ]);
    const merged = {
      ...someModel(),
      "merge.json": "{}",
      "heads/a/config.json": "{}",
      "heads/a/model.safetensors": "1",
    };
    hub.put("a/merged", { ...other, ...merged });
    assertEquals(await names("a/merged"), Object.keys(merged).sort());
    hub.put("a/tfjs", { ...other, "model.json": "{}", "weights.bin": "1" });
    assertEquals(await names("a/tfjs"), ["model.json", "weights.bin"]);
    hub.put("a/both", {
      ...other,
      "config.json": "{}",
      "model.json": "{}",
      "weights.bin": "1",
    });
    assertEquals(
      await names("a/both"),
      ["config.json", "model.json", "weights.bin"],
    );

    hub.put("a/none", { "README.md": "#", "x.txt": "" });
    assertEquals(
      await failure("a/none", "file"),
      "a/none@main has no config.json, found README.md, x.txt",
    );
    hub.put("a/weightless", { "config.json": "{}" });
    assertStringIncludes(
      await failure("a/weightless", "file"),
      "has no model.safetensors or",
    );
    hub.put("a/lost", {
      "config.json": "{}",
      "model.safetensors.index.json": index("gone.safetensors"),
    });
    assertStringIncludes(
      await failure("a/lost", "file"),
      "has no gone.safetensors, which model.safetensors.index.json names, found",
    );
  });
});

Deno.test("data sets, and single files", async () => {
  await withHub(async ({ hub, get, failure, options, cacheFolder }) => {
    const commit = hub.put("me/set", {
      ".gitattributes": "",
      "README.md": "#",
      "a/train-0.parquet": "1",
      "a/test-0.parquet": "22",
    }, { type: "dataset" });
    const folder = join(
      cacheFolder,
      "datasets--me--set",
      "snapshots",
      commit,
    );
    assertEquals(
      await downloadRepository("me/set", {
        ...options,
        repoType: "dataset",
        choose: (paths) => paths.filter((path) => path.includes("test")),
      }),
      folder,
    );
    assertEquals(walk(folder), ["a/test-0.parquet"]);
    assertEquals(
      await get("me/set", { repoType: "dataset", filename: "README.md" }),
      join(folder, "README.md"),
    );
    assertEquals(await get("me/set", { repoType: "dataset" }), folder);
    assertEquals(walk(folder), [
      "README.md",
      "a/test-0.parquet",
      "a/train-0.parquet",
    ]);
    assertStringIncludes(
      await failure("me/set", "repository"),
      "me/set is no folder here, and no model at",
    );
    assertStringIncludes(
      await failure("me/set", "file", {
        repoType: "dataset",
        filename: "b.parquet",
      }),
      "me/set@main has no b.parquet, found",
    );
  });
});

Deno.test("two calls at once download a file once", async () => {
  await withHub(async ({ hub, get }) => {
    hub.put("me/model", someModel());
    hub.fault({ path: /storage:.*/, slow: 50_000 });
    const [a, b] = await Promise.all([get("me/model"), get("me/model")]);
    assertEquals(a, b);
    assertEquals(hub.seen(/^\/lfs/).length, 1);
  });
});

Deno.test("progress counts the bytes of all downloads", async () => {
  await withHub(async ({ hub, get }) => {
    const told: DownloadProgress[] = [];
    setDownloadListener((progress) => told.push(progress));
    try {
      hub.put("me/a", someModel(someBytes(1000)));
      hub.put("me/b", someModel(someBytes(2000)));
      hub.fault({ path: /storage:.*/, resetAt: 500 });
      await Promise.all([get("me/a"), get("me/b")]);
    } finally {
      setDownloadListener(undefined);
    }
    assert(told.every(({ done, total }) => done <= total));
    const end = told.at(-1)!;
    assert(end.finished);
    assertEquals(end.done, 3000 + 2 * 29);
    assertEquals(end.total, end.done);
  });
});

Deno.test("a cache of huggingface_hub is used, without asking the hub", async () => {
  await withHub(async ({ hub, get, cacheFolder }) => {
    // As `AutoModel.from_pretrained` leaves it: no list of the files.
    const commit = hub.put("me/model", {
      "config.json": "{}",
      "model.safetensors": "1",
    });
    const repository = join(cacheFolder, "models--me--model");
    const folder = await get("me/model");
    await Deno.remove(join(repository, "trees"), { recursive: true });

    // Whether there is an image processor is not known: the hub is asked.
    let count = hub.requests.length;
    assertEquals(await get("me/model"), folder);
    assert(hub.requests.length > count);
    await Deno.remove(join(repository, "trees"), { recursive: true });

    // It need not answer.
    hub.fault({ path: /api/, status: 404, times: 1 });
    assertEquals(await get("me/model"), folder);

    // It is known that there is none.
    const missing = join(repository, ".no_exist", commit);
    await Deno.mkdir(missing, { recursive: true });
    await Deno.writeTextFile(join(missing, "preprocessor_config.json"), "");
    count = hub.requests.length;
    assertEquals(await get("me/model"), folder);
    assertEquals(hub.requests.length, count);
  });
});
