import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import * as fc from "fast-check";
import { resolveModelPath } from "../../src/hub/mod.ts";
import { someBytes, someModel } from "../hub/hub_case.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { assertSafe } from "./dataset_case.ts";
import { jsonChanges } from "./json_changes.ts";
import { fuzz, mutations } from "./mutations.ts";

/** Of few bytes, so that a try takes a moment. */
const WEIGHTS = someBytes(3000);

/** A hub with a model, and a user. */
function makeHub(): HubServer {
  const hub = new HubServer();
  hub.put("me/model", someModel(WEIGHTS));
  hub.users.set("hf_secret", { name: "me" });
  return hub;
}

/**
 * Downloads from a hub whose answers are wrong somewhere: the model is what it
 * should be, or there is one line; and nothing is written but in the cache.
 */
async function assertSafeDownload(hub: HubServer): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const cacheFolder = join(folder, "in", "cache");
    await assertSafe("me/model", async () => {
      const path = await resolveModelPath("me/model", {
        endpoint: hub.url,
        cacheFolder,
        token: "hf_secret",
        offline: false,
        attempts: 2,
        retryDelay: 1,
        stallTimeout: 1000,
      });
      assert(path.startsWith(cacheFolder), path);
      const weights = join(path, "model.safetensors");
      if (await Deno.stat(weights).then(() => true, () => false)) {
        assertEquals(await Deno.readFile(weights), WEIGHTS);
      }
      for (const name of listNames(path)) {
        const real = await Deno.realPath(join(path, name));
        assert(real.startsWith(cacheFolder), real);
      }
    });
    assert(listNames(folder).every((name) => name === "in"));
    const inside = listNames(folder).length > 0
      ? listNames(join(folder, "in"))
      : [];
    assert(inside.every((name) => name === "cache"), `${inside}`);
  });
}

/** What the hub answers to a request as it should. */
async function answerOf(
  hub: HubServer,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return await (await fetch(`${hub.url}${path}`)).bytes();
}

const PATHS: Record<string, { path: string; asked: RegExp }> = {
  commit: { path: "/api/models/me/model/revision/main", asked: /revision/ },
  listing: {
    path: "/api/models/me/model/tree/main?recursive=true",
    asked: /tree/,
  },
};

for (const [name, { path, asked }] of Object.entries(PATHS)) {
  Deno.test(`fuzz: the hub's ${name}, damaged`, async () => {
    await using hub = makeHub();
    hub.pageSize = 10;
    const whole = await answerOf(hub, path);
    const json = JSON.parse(new TextDecoder().decode(whole));
    await fuzz(
      `hub: ${name}`,
      fc.asyncProperty(
        fc.oneof(
          mutations.map((change) => new TextDecoder().decode(change(whole))),
          jsonChanges.map((change) => JSON.stringify(change(json)) ?? ""),
        ),
        async (body) => {
          hub.fault({ path: asked, body });
          await assertSafeDownload(hub);
        },
      ),
    );
  });
}

/** Texts that a header may have, and should not. */
const header = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x21-\x7e]/g, "")),
  fc.constantFrom(
    '"0"',
    "W/",
    "../../../etc/passwd",
    "file:///etc/passwd",
    "http://[::1",
    "http://127.0.0.1:1/x",
    "data:text/plain,x",
    "/",
    "//",
    "bytes 0-0/0",
    "bytes 5-1/99999999999999999999",
    '<>; rel="next"',
    '<file:///etc/passwd>; rel="next"',
    '<http://127.0.0.1:1/>; rel="next"',
  ),
);

Deno.test("fuzz: the hub's headers and redirects", async () => {
  await using hub = makeHub();
  await fuzz(
    "hub: headers and redirects",
    fc.asyncProperty(
      fc.constantFrom(/revision/, /tree/, /resolve/, /^storage:/),
      fc.constantFrom(
        200,
        206,
        301,
        302,
        304,
        307,
        308,
        400,
        401,
        404,
        416,
        500,
      ),
      fc.constantFrom(
        "ETag",
        "X-Linked-Etag",
        "X-Linked-Size",
        "X-Repo-Commit",
        "Location",
        "Link",
        "Content-Range",
        "X-Error-Code",
        "X-Error-Message",
      ),
      header,
      async (path, status, name, value) => {
        hub.fault({ path, status, headers: { [name]: value } });
        await assertSafeDownload(hub);
      },
    ),
  );
});

Deno.test("a listing that has always another page ends", async () => {
  await using hub = makeHub();
  const next = `<${hub.url}/api/models/me/model/tree/x>; rel="next"`;
  hub.fault({
    path: /tree/,
    times: Infinity,
    body: "[]",
    headers: { Link: next },
  });
  await assertSafeDownload(hub);
});

Deno.test("a redirect that leads to itself ends", async () => {
  await using hub = makeHub();
  hub.fault({
    path: /resolve/,
    times: Infinity,
    status: 302,
    headers: { Location: `${hub.url}/me/model/resolve/main/config.json` },
  });
  await assertSafeDownload(hub);
});

Deno.test("no token goes where a page or a redirect leads", async () => {
  await using hub = makeHub();
  await using other = new HubServer();
  hub.fault({
    path: /tree/,
    body: "[]",
    headers: { Link: `<${other.url}/api/models/x/tree/main>; rel="next"` },
  });
  hub.fault({
    path: /resolve/,
    times: Infinity,
    status: 302,
    headers: { Location: `${other.url}/elsewhere` },
  });
  await assertSafeDownload(hub);
  await assertSafeDownload(hub);
  assert(other.requests.length > 0);
  assert(other.requests.every(({ authorization }) => authorization === null));
});
