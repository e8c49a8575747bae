import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { HubError } from "../../src/hub/mod.ts";
import { storeFile } from "../hub_server/stored_repository.ts";
import {
  type HubCase,
  someBytes,
  someModel,
  walk,
  withHub,
} from "./hub_case.ts";

const STORAGE = /^storage:\/lfs\//;

async function checkWeights(folder: string, length = 300_000): Promise<void> {
  assertEquals(
    await Deno.readFile(join(folder, "model.safetensors")),
    someBytes(length),
  );
}

/** Ranges that were asked of the storage. */
function ranges({ hub }: HubCase): (string | null)[] {
  return hub.seen(/^\/lfs\//).map(({ range }) => range);
}

/** Starts a process that downloads `me/model` and prints where it is. */
function startDownload(
  { hub, cacheFolder }: HubCase,
  output: "piped" | "null",
): Deno.ChildProcess {
  const module = new URL("../../src/hub/mod.ts", import.meta.url).href;
  const script = `const hub = await import(${JSON.stringify(module)});
    console.log(await hub.resolveModelPath("me/model"));`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    env: {
      HF_ENDPOINT: hub.url,
      HF_HUB_CACHE: cacheFolder,
      HF_HUB_OFFLINE: "",
      HF_TOKEN: "",
      HF_TOKEN_PATH: "/dev/null",
    },
    stdout: output,
    stderr: output,
  }).spawn();
}

function leftovers({ cacheFolder }: HubCase): string[] {
  return walk(cacheFolder).filter((path) => /incomplete|tmp/.test(path));
}

Deno.test("a download goes on where the connection broke", async () => {
  await withHub(async (hubCase) => {
    const { hub, get } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, resetAt: 131_072 });
    hub.fault({ path: STORAGE, truncateAt: 50_000 });
    await checkWeights(await get("me/model"));
    assertEquals(ranges(hubCase), [
      null,
      "bytes=131072-",
      "bytes=181072-",
    ]);
    assertEquals(leftovers(hubCase), []);
  });
});

Deno.test("a later call goes on where an earlier one gave up", async () => {
  await withHub(async (hubCase) => {
    const { hub, get, failure } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, resetAt: 100_000 });
    hub.fault({ path: STORAGE, status: 500, times: 5 });
    await failure("me/model", "server");
    assertEquals(leftovers(hubCase).length, 1);
    hub.requests.length = 0;
    await checkWeights(await get("me/model"));
    assertEquals(ranges(hubCase), ["bytes=100000-"]);
    assertEquals(leftovers(hubCase), []);
  });
});

Deno.test("a connection that brings nothing for long counts as lost", async () => {
  await withHub(async (hubCase) => {
    const { hub, get } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, stallAt: 1000 });
    await checkWeights(await get("me/model", { stallTimeout: 100 }));
    assertEquals(ranges(hubCase), [null, "bytes=1000-"]);
  });
});

Deno.test("a storage without ranges is asked for everything again", async () => {
  await withHub(async (hubCase) => {
    const { hub, get } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, resetAt: 1000 });
    hub.fault({ path: STORAGE, ignoreRange: true });
    await checkWeights(await get("me/model"));
  });
});

Deno.test("what was left is not trusted", async () => {
  await withHub(async (hubCase) => {
    const { hub, get, cacheFolder } = hubCase;
    hub.put("me/model", someModel());
    const { sha256 } = storeFile("model.safetensors", someBytes(300_000));
    const blobs = join(cacheFolder, "models--me--model", "blobs");
    await Deno.mkdir(blobs, { recursive: true });
    const leave = (length: number): Promise<void> =>
      Deno.writeFile(
        join(blobs, `${sha256}.1234-0123abcd.incomplete`),
        new Uint8Array(length),
      );
    // Other bytes, as many, more, and all of them.
    for (const length of [1000, 300_000, 400_000]) {
      await leave(length);
      const folder = await get("me/model");
      await checkWeights(folder);
      assertEquals(leftovers(hubCase), []);
      await Deno.remove(join(blobs, sha256!));
    }
    // A content that is in its place, but cut off.
    await Deno.writeFile(join(blobs, sha256!), someBytes(1000));
    await get("me/model");
    await Deno.remove(join(cacheFolder, "models--me--model", "snapshots"), {
      recursive: true,
    });
    await checkWeights(await get("me/model"));
  });
});

Deno.test("a file whose hash is wrong leaves nothing behind", async () => {
  await withHub(async (hubCase) => {
    const { hub, get, failure, cacheFolder } = hubCase;
    hub.put("me/model", someModel());
    const { sha256 } = storeFile("model.safetensors", someBytes(300_000));
    hub.fault({ path: STORAGE, corruptAt: 123, times: 2 });
    assertEquals(
      await failure("me/model", "hash"),
      `me/model@main: model.safetensors as it came from ${hub.url} is damaged: its SHA-256 is not ${sha256}; nothing was kept, try again, or another HF_ENDPOINT`,
    );
    assert(!walk(cacheFolder).some((path) => path.includes(sha256!)));
    assert(!walk(cacheFolder).some((path) => path.includes("safetensors")));
    // Once may happen.
    hub.fault({ path: STORAGE, corruptAt: 123 });
    await checkWeights(await get("me/model"));

    hub.put("me/small", someModel());
    hub.fault({ path: /resolve.*\/config.json/, corruptAt: 1, times: 2 });
    assertStringIncludes(
      await failure("me/small", "hash"),
      "config.json as it came from",
    );
    hub.put("me/long", someModel());
    hub.fault({
      path: /resolve.*\/config.json/,
      body: "x".repeat(1000),
      times: 2,
    });
    assertStringIncludes(
      await failure("me/long", "hash"),
      "it is longer than 27 bytes",
    );
  });
});

Deno.test("429 and 5xx are tried again, and Retry-After is obeyed", async () => {
  await withHub(async (hubCase) => {
    const { hub, get, failure } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({
      path: /revision/,
      status: 429,
      headers: { "Retry-After": "0" },
    });
    hub.fault({ path: /revision/, status: 503, times: 2 });
    hub.fault({ path: /tree/, status: 500, times: 3 });
    hub.fault({ path: /resolve/, status: 502, times: 2 });
    hub.fault({ path: STORAGE, status: 504, times: 2 });
    await checkWeights(await get("me/model"));
    assertEquals(hub.seen(/revision/).length, 4);

    hub.put("me/busy", someModel());
    hub.fault({ path: /busy.revision/, status: 429, times: 5 });
    assertEquals(
      await failure("me/busy", "limit"),
      `me/busy: ${hub.url} asks to slow down (429), again and again: try later, or set HF_TOKEN for a higher limit`,
    );
    hub.fault({ path: /busy.revision/, status: 500, times: 5 });
    assertEquals(
      await failure("me/busy", "server"),
      `me/busy: ${hub.url} answers 500, again and again: try later`,
    );
    hub.fault({ path: /busy.revision/, status: 418 });
    assertEquals(
      await failure("me/busy", "response"),
      `me/busy: ${hub.url} answers 418`,
    );
  });
});

Deno.test("answers that make no sense", async () => {
  await withHub(async (hubCase) => {
    const { hub, failure, cacheFolder } = hubCase;
    hub.put("me/model", someModel());
    const cases: [RegExp, string, string][] = [
      [/revision/, "<html>", "cannot be understood"],
      [/revision/, "null", "cannot be understood"],
      [/revision/, '{"sha": "../../x"}', '"../../x" is no commit'],
      [/tree/, "{}", "cannot be understood"],
      [/tree/, "[{}", "cannot be understood"],
      [/tree/, "[null]", "cannot be understood"],
    ];
    const oid = "0".repeat(40);
    for (
      const path of ["../x", "/etc/x", "a/../../x", "a\\b", "C:/x", "a//b", ""]
    ) {
      cases.push([
        /tree/,
        JSON.stringify([{ type: "file", path, size: 1, oid }]),
        "leads out of its folder",
      ]);
    }
    for (
      const entry of [
        { oid, size: -1 },
        { oid, size: "1" },
        { oid: "../x", size: 1 },
        { oid, size: 1, lfs: { oid: "../x", size: 1 } },
        { oid, size: 1, lfs: { oid: "0".repeat(64), size: 1e99 } },
      ]
    ) {
      cases.push([
        /tree/,
        JSON.stringify([{ type: "file", path: "config.json", ...entry }]),
        "is listed without a size or a hash",
      ]);
    }
    for (const [path, body, message] of cases) {
      hub.fault({ path, body });
      const found = await failure("me/model", "response");
      assertStringIncludes(found, message);
      assertEquals(found.split("\n").length, 1);
    }
    assertEquals(walk(cacheFolder), []);

    const much = `[${" ".repeat(65 << 20)}]`;
    hub.fault({ path: /tree/, body: much });
    assertStringIncludes(
      await failure("me/model", "response"),
      "is longer than",
    );
  });
});

Deno.test("a hub that is not there", async () => {
  await withHub(async (hubCase) => {
    const { hub, get, failure } = hubCase;
    hub.put("me/model", someModel());
    const folder = await get("me/model");
    await hub.close();
    const message = await failure("out/model", "network");
    assertStringIncludes(
      message,
      `out/model is no folder here, and ${hub.url} cannot be reached (`,
    );
    assertStringIncludes(message, "): check the path and the network");
    // What the cache has does not need it.
    assertEquals(await get("me/model"), folder);
    assertStringIncludes(
      await failure("me/model@x", "network", { endpoint: "http://no.invalid" }),
      "http://no.invalid cannot be reached",
    );
  });
});

Deno.test("a cache that cannot be written", async () => {
  await withHub(async (hubCase) => {
    const { hub, failure, cacheFolder } = hubCase;
    hub.put("me/model", someModel());
    await Deno.writeTextFile(join(cacheFolder, "file"), "");
    assertStringIncludes(
      await failure("me/model", "disk", {
        cacheFolder: join(cacheFolder, "file"),
      }),
      ": part of the path is not a folder; make room, or set HF_HOME to",
    );
  });
});

Deno.test("a process that is killed leaves what the next one continues", async () => {
  await withHub(async (hubCase) => {
    const { hub, cacheFolder, get } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, stallAt: 120_000 });
    const child = startDownload(hubCase, "null");
    const half = (): boolean =>
      leftovers(hubCase).some((path) =>
        Deno.statSync(join(cacheFolder, path)).size === 120_000
      );
    while (!half()) await new Promise((resolve) => setTimeout(resolve, 20));
    // Another process must not take over what this one is writing.
    hub.fault({ path: STORAGE, status: 418 });
    await assertRejects(() => get("me/model"), HubError, "answers 418");
    assertEquals(ranges(hubCase), [null, null]);

    child.kill("SIGKILL");
    await child.status;
    await checkWeights(await get("me/model"));
    assertEquals(ranges(hubCase), [null, null, "bytes=120000-"]);
    assertEquals(leftovers(hubCase), []);
  });
});

Deno.test("two processes that download the same files do no harm", async () => {
  await withHub(async (hubCase) => {
    const { hub, get } = hubCase;
    hub.put("me/model", someModel());
    hub.fault({ path: STORAGE, slow: 3000, times: 2 });
    const process = async (): Promise<string> => {
      const { code, stdout, stderr } = await startDownload(hubCase, "piped")
        .output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout).trim();
    };
    const [a, b] = await Promise.all([process(), process()]);
    assertEquals(a, b);
    await checkWeights(a);
    assertEquals(leftovers(hubCase), []);
    assertEquals(await get("me/model"), a);
  });
});
