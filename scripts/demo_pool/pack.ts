import { join } from "@std/path";

/** Copies the pool and its test sets to where the demo reads them. */
export async function pack(
  work: string,
  demo: string,
  tasks: readonly string[],
): Promise<void> {
  const copies = new Map([
    [join(work, "pretrained"), join(demo, "pool", "pretrained")],
  ]);
  for (const task of tasks) {
    copies.set(join(work, "experts", task), join(demo, "pool", task));
    copies.set(
      join(work, "data", task, "test"),
      join(demo, "data", task, "test"),
    );
  }
  for (const [from, to] of copies) {
    await Deno.mkdir(to, { recursive: true });
    for await (const { name, isFile } of Deno.readDir(from)) {
      if (isFile) await Deno.copyFile(join(from, name), join(to, name));
    }
  }
}
