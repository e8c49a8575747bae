import { assertEquals } from "@std/assert";
import { crc32c, maskedCrc32c } from "../../src/training/crc32c.ts";
import { EventFile } from "../../src/training/event_file.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

Deno.test("CRC-32C has RFC 3720's values", () => {
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(
    crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)),
    0x46dd794e,
  );
});

/** The records of an event file, checked. */
function records(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    const event = bytes.subarray(at + 12, at + 12 + length);
    assertEquals(
      view.getUint32(at + 8, true),
      maskedCrc32c(bytes.subarray(at, at + 8)),
    );
    assertEquals(view.getUint32(at + 12 + length, true), maskedCrc32c(event));
    result.push(event);
    at += 16 + length;
  }
  return result;
}

Deno.test("an event file has TensorBoard's records", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/events.out.tfevents.1.test`;
    const file = new EventFile(path);
    file.add(300, { "train/loss": 0.5 });
    const { length } = file;
    file.add(301, { "train/loss": 0.25, lr: 1 });
    file.close();
    // Goes on after the first event: the second is cut off.
    const again = new EventFile(path, length);
    again.add(302, { lr: 2 });
    again.close();
    const events = records(await Deno.readFile(path));
    assertEquals(events.length, 3);
    assertEquals(
      new TextDecoder().decode(events[0]!.subarray(11)),
      "brain.Event:2",
    );
    // step = 300; summary { value { tag: "train/loss", simple_value: 0.5 } }
    assertEquals([...events[1]!.subarray(9)], [
      ...[0x10, 0xac, 0x02],
      ...[0x2a, 19, 0x0a, 17, 0x0a, 10],
      ...new TextEncoder().encode("train/loss"),
      ...[0x15, 0, 0, 0, 0x3f],
    ]);
  });
});
