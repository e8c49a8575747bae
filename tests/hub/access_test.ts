import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { ConfigError } from "../../src/fusion_error.ts";
import { hubSettings } from "../../src/hub/settings.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { someModel, withHub } from "./hub_case.ts";
import { withVariables } from "./with_variables.ts";

Deno.test("gated repositories", async () => {
  await withHub(async ({ hub, get, failure }) => {
    hub.put("big/model", someModel(), { gated: true });
    hub.users.set("hf_in", { name: "in", access: ["big/model"] });
    hub.users.set("hf_out", { name: "out" });
    assertEquals(
      await failure("big/model", "gated"),
      `big/model is gated: accept its terms at ${hub.url}/big/model, then set HF_TOKEN to an access token of that account (${hub.url}/settings/tokens)`,
    );
    assertEquals(
      await failure("big/model", "gated", { token: "hf_out" }),
      `big/model is gated and the token of token has no access: ask for it at ${hub.url}/big/model, as the token's account`,
    );
    await get("big/model", { token: "hf_in" });
    // The storage must not see the token.
    const storage = hub.requests.filter((request) => request.storage);
    assertEquals(storage.length, 1);
    assertEquals(storage[0]!.authorization, null);
  });
});

Deno.test("private and missing repositories", async () => {
  await withHub(async ({ hub, get, failure }) => {
    hub.put("me/secret", someModel(), { private: true });
    hub.users.set("hf_me", { name: "me" });
    hub.users.set("any-token", { name: "you" });
    const without =
      `may be seen without a token: correct the name, or, if it is private, set HF_TOKEN to an access token (${hub.url}/settings/tokens)`;
    for (const id of ["me/secret", "me/none", "none"]) {
      assertEquals(
        await failure(id, "repository"),
        `${id} is no folder here, and no model at ${hub.url} that ${without}`,
      );
    }
    assertEquals(
      await failure("me/secret", "repository", { token: "any-token" }),
      `me/secret is no folder here, and no model at ${hub.url} that the token of token may see: correct the name, or ask its owner for access`,
    );
    assertEquals(
      await failure("me/secret", "token", { token: "hf_old" }),
      `me/secret: ${hub.url} does not accept the token of token: make a new one at ${hub.url}/settings/tokens`,
    );
    await get("me/secret", { token: "hf_me" });
  });
});

Deno.test("a message does not tell the token, nor foreign control characters", async () => {
  await withHub(async ({ hub, failure }) => {
    hub.put("me/model", someModel());
    hub.users.set("hf_secret", { name: "me" });
    hub.fault({
      path: /revision/,
      status: 403,
      headers: { "X-Error-Message": "a\u009b31m\tb" },
    });
    const message = await failure("me/model", "forbidden", {
      token: "hf_secret",
    });
    assert(!message.includes("hf_secret"));
    assert(message.includes("(403: a 31m b)"), message);
  });
});

Deno.test("the token comes from HF_TOKEN, else a file", async () => {
  await inTemporaryFolder(async (folder) => {
    const home = join(folder, "home");
    await Deno.mkdir(home);
    await Deno.writeTextFile(join(home, "token"), "hf_home\n");
    await Deno.writeTextFile(join(folder, "other"), " hf_other ");
    const token = (variables: Record<string, string>): string | undefined =>
      withVariables(
        { HF_HOME: home, ...variables },
        () => hubSettings().token?.value,
      );
    assertEquals(token({}), "hf_home");
    assertEquals(token({ HF_TOKEN_PATH: join(folder, "other") }), "hf_other");
    assertEquals(token({ HF_TOKEN_PATH: join(folder, "none") }), undefined);
    assertEquals(token({ HUGGING_FACE_HUB_TOKEN: "hf_old" }), "hf_old");
    assertEquals(
      token({
        HF_TOKEN: "hf_new",
        HUGGING_FACE_HUB_TOKEN: "hf_old",
        HF_TOKEN_PATH: join(folder, "other"),
      }),
      "hf_new",
    );
    assertEquals(token({ HF_TOKEN: " \n" }), "hf_home");
    assertEquals(
      token({ HF_TOKEN: "hf_new", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }),
      undefined,
    );
    assertThrows(
      () => token({ HF_TOKEN: "hf_a\nhf_b" }),
      ConfigError,
      "HF_TOKEN holds no access token, expected one line such as hf_…",
    );
    withVariables({ HF_TOKEN: "hf_new" }, () => {
      assertEquals(hubSettings({ token: "" }).token, undefined);
      assertEquals(hubSettings({ token: "x" }).token?.value, "x");
    });
  });
});

Deno.test("endpoint, time limit and offline mode come from the environment", () => {
  withVariables({}, () => {
    assertEquals(hubSettings().endpoint, "https://huggingface.co");
    assertEquals(hubSettings().offline, false);
    assertEquals(hubSettings().stallTimeout, 30_000);
  });
  const variables = {
    HF_ENDPOINT: "http://mirror/hf/",
    HF_HUB_OFFLINE: "True",
    HF_HUB_DOWNLOAD_TIMEOUT: "2.5",
  };
  withVariables(variables, () => {
    assertEquals(hubSettings().endpoint, "http://mirror/hf");
    assertEquals(hubSettings().offline, true);
    assertEquals(hubSettings().stallTimeout, 2500);
    assertEquals(hubSettings({ offline: false }).offline, false);
  });
  withVariables({ TRANSFORMERS_OFFLINE: "1" }, () => {
    assertEquals(hubSettings().offline, true);
  });
  for (
    const [name, value] of [
      ["HF_ENDPOINT", "mirror"],
      ["HF_ENDPOINT", "file:///etc"],
      ["HF_HUB_DOWNLOAD_TIMEOUT", "soon"],
    ] as const
  ) {
    withVariables({ [name]: value }, () => {
      assertThrows(() => hubSettings(), ConfigError, `${name} is "${value}"`);
    });
  }
});
