/** A tar archive of files: name, content and, if not a file, type. */
export function tar(
  files: readonly (readonly [string, string | Uint8Array, string?])[],
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const blocks: Uint8Array[] = [];
  for (const [name, content, type = "0"] of files) {
    const bytes = typeof content === "string"
      ? encoder.encode(content)
      : content;
    const header = new Uint8Array(512);
    const write = (text: string, at: number): void =>
      header.set(encoder.encode(text), at);
    write(name, 0);
    write(bytes.length.toString(8).padStart(11, "0"), 124);
    write(" ".repeat(8), 148);
    write(type, 156);
    write("ustar\0" + "00", 257);
    const sum = header.reduce((a, b) => a + b, 0);
    write(sum.toString(8).padStart(6, "0") + "\0 ", 148);
    const body = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
    body.set(bytes);
    blocks.push(header, body);
  }
  blocks.push(new Uint8Array(1024));
  const archive = new Uint8Array(
    blocks.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const block of blocks) {
    archive.set(block, offset);
    offset += block.length;
  }
  return archive;
}
