/** Something that goes wrong on purpose. */
export interface Fault {
  /** Which requests, by their path. */
  readonly path: RegExp;
  /** How often. @default {1} */
  times?: number;
  /** Answers this status instead. */
  readonly status?: number;
  /** Sends these headers with it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Breaks the connection after so many bytes. */
  readonly resetAt?: number;
  /** Ends the answer, as if it were complete, after so many bytes. */
  readonly truncateAt?: number;
  /** Sends nothing more after so many bytes, and does not end. */
  readonly stallAt?: number;
  /** Flips a bit of this byte. */
  readonly corruptAt?: number;
  /** Sends this many bytes, then waits 1 ms. */
  readonly slow?: number;
  /** Ignores `Range`. */
  readonly ignoreRange?: boolean;
  /** Sends these bytes instead. */
  readonly body?: string;
  /** Is called, and waited for, before the answer. */
  readonly before?: () => unknown;
}

/** The faults that are still to happen. */
export class Faults {
  readonly #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ times: 1, ...fault });
  }

  /** The fault that strikes a request, which is then used up. */
  take(path: string): Fault | undefined {
    const fault = this.#faults.find((fault) =>
      fault.times! > 0 && fault.path.test(path)
    );
    if (fault) fault.times!--;
    return fault;
  }
}

/** Applies a fault to an answer's bytes. */
export function faultyBody(
  bytes: Uint8Array<ArrayBuffer>,
  fault: Fault,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const sent = bytes.slice();
  if (fault.corruptAt !== undefined) sent[fault.corruptAt]! ^= 1;
  const end = Math.min(
    sent.length,
    fault.truncateAt ?? fault.resetAt ?? fault.stallAt ?? sent.length,
  );
  const step = fault.slow ?? 1 << 16;
  let position = 0;
  return new ReadableStream({
    async pull(controller) {
      if (position < end) {
        if (fault.slow) await new Promise((resolve) => setTimeout(resolve, 1));
        const next = Math.min(position + step, end);
        controller.enqueue(sent.subarray(position, next));
        position = next;
        return;
      }
      if (fault.stallAt !== undefined) return await new Promise(() => {});
      if (fault.resetAt !== undefined) {
        // The client is to see the bytes before the connection breaks.
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.error(new Error("reset on purpose"));
      } else controller.close();
    },
  });
}
