import { assert, assertEquals } from "@std/assert";
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { killCases } from "./commands.ts";
import { killAtRandom } from "./kill.ts";
import { prepareCase } from "./kill_case.ts";

/** `deno task test:faults` kills 200 times. */
const KILLS = 3;

Deno.test({
  name: "killed at any moment, no command loses anything",
  // The commands compute on wasm here, whatever the tests do.
  ignore: testBackendName !== "wasm",
  fn: killAll,
});

async function killAll(): Promise<void> {
  await using hub = new HubServer();
  await Promise.all(
    killCases(hub).map((killCase) =>
      inTemporaryFolder(async (folder) => {
        const prepared = await prepareCase(folder, killCase);
        const { kills, lost } = await killAtRandom(prepared, KILLS);
        assertEquals(lost, [], killCase.name);
        assert(kills > 0, killCase.name);
      })
    ),
  );
}
