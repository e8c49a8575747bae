/**
 * The same response, whose body fails once it is longer than a limit, so that a
 * bad server cannot fill the memory.
 */
export function limitBody(
  response: Response,
  limit: number,
  tooLong: () => Error,
): Response {
  if (!response.body) return response;
  let length = 0;
  const body = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        length += chunk.length;
        if (length > limit) controller.error(tooLong());
        else controller.enqueue(chunk);
      },
    }),
  );
  const { status, statusText, headers, url } = response;
  const limited = new Response(body, { status, statusText, headers });
  Object.defineProperty(limited, "url", { value: url });
  return limited;
}
