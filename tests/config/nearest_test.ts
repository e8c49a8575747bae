import { assertEquals } from "@std/assert";
import { nearest } from "../../src/nearest.ts";

Deno.test("nearest: the fewest edits win, far words get none", () => {
  const names = ["scaling_factor", "threshold", "linear/weighted_average"];
  assertEquals(nearest("scaling_facto", names), "scaling_factor");
  assertEquals(nearest("treshold", names), "threshold");
  assertEquals(nearest("weigthed_average", names), "linear/weighted_average");
  assertEquals(nearest("seed", names), undefined);
  assertEquals(nearest("dtpye", ["type", "dtype"]), "dtype");
  assertEquals(nearest("x", []), undefined);
});
