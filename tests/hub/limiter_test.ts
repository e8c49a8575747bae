import { assertEquals, assertRejects } from "@std/assert";
import { Limiter } from "../../src/hub/limiter.ts";

Deno.test("Limiter runs no more jobs at a time than it may, and all of them", async () => {
  const limiter = new Limiter(3);
  let active = 0;
  let most = 0;
  const done: number[] = [];
  const jobs = Array.from({ length: 20 }, (_, i) =>
    limiter.run(async () => {
      most = Math.max(most, ++active);
      for (let turn = 0; turn < (i * 7) % 5; turn++) await Promise.resolve();
      active--;
      done.push(i);
      if (i % 4 === 1) throw new Error(`job ${i}`);
      return i;
    }));
  const results = await Promise.allSettled(jobs);
  assertEquals(most, 3);
  assertEquals(done.length, 20);
  assertEquals(results.filter(({ status }) => status === "rejected").length, 5);
  assertEquals(await limiter.run(() => Promise.resolve(1)), 1);
  await assertRejects(() => limiter.run(() => Promise.reject(new Error("x"))));
});
