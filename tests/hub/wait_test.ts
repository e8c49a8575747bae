import { assert, assertEquals } from "@std/assert";
import { retryDelay } from "../../src/hub/wait.ts";

function answer(retryAfter: string): Response {
  return new Response(null, { headers: { "Retry-After": retryAfter } });
}

Deno.test("retryDelay() doubles, within a quarter", () => {
  for (let failures = 1; failures <= 5; failures++) {
    for (let i = 0; i < 20; i++) {
      const delay = retryDelay(failures, 100);
      const middle = 100 * 2 ** (failures - 1);
      assert(delay >= 0.75 * middle && delay <= 1.25 * middle, `${delay}`);
    }
  }
});

Deno.test("retryDelay() is what the server says, within five minutes", () => {
  assertEquals(retryDelay(1, 100, answer("7")), 7000);
  assertEquals(retryDelay(4, 100, answer("0")), 0);
  assertEquals(retryDelay(1, 100, answer("100000")), 300_000);
  assertEquals(retryDelay(1, 100, answer("-3")), 0);
  assertEquals(
    retryDelay(1, 100, answer("Thu, 01 Jan 1970 00:00:00 GMT")),
    0,
  );
  assertEquals(
    retryDelay(1, 100, answer("Fri, 01 Jan 2999 00:00:00 GMT")),
    300_000,
  );
  assert(retryDelay(1, 100, answer("soon")) <= 125);
});
