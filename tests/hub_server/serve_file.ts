import { type Fault, faultyBody } from "./fault.ts";

/** Answers with bytes, or the range of them that is asked for. */
export function serveBytes(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
  fault: Fault | undefined,
): Response {
  headers.set("Accept-Ranges", "bytes");
  const range = fault?.ignoreRange
    ? undefined
    : /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("Range") ?? "");
  let status = 200;
  let part = bytes;
  if (range) {
    const begin = Number(range[1]);
    const end = range[2] ? Number(range[2]) + 1 : bytes.length;
    if (begin >= bytes.length) {
      headers.set("Content-Range", `bytes */${bytes.length}`);
      return new Response(null, { status: 416, headers });
    }
    status = 206;
    part = bytes.subarray(begin, Math.min(end, bytes.length));
    headers.set(
      "Content-Range",
      `bytes ${begin}-${begin + part.length - 1}/${bytes.length}`,
    );
  }
  // Without its length, an answer that ends early looks complete.
  if (fault?.truncateAt === undefined) {
    headers.set("Content-Length", `${part.length}`);
  }
  if (request.method === "HEAD") return new Response(null, { status, headers });
  return new Response(fault ? faultyBody(part, fault) : part, {
    status,
    headers,
  });
}
