import { TextLineStream } from "./text_lines.ts";

/** One batch through one model. */
export interface Case {
  /** `tiny` or `base`. */
  size: string;
  /** Images in the batch. */
  batch: number;
}

/**
 * A program that times one batch whenever it is asked to: it reads cases as
 * lines of JSON, and answers each with the milliseconds. Its first line says
 * what it is. So runtimes take turns, and none has another in its process.
 */
export class TimedProcess {
  /** What the program says it is. */
  readonly title: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    title: string,
    child: Deno.ChildProcess,
    lines: AsyncIterator<string>,
  ) {
    this.title = title;
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = lines;
  }

  /**
   * Starts a program.
   *
   * @returns Nothing where it cannot run here; its reason went to standard
   * error.
   */
  static async start(
    program: string,
    args: string[],
  ): Promise<TimedProcess | undefined> {
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, {
        args,
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      console.error(`${program}: ${(error as Error).message}`);
      return undefined;
    }
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
    const title = await lines.next();
    if (title.done) {
      await child.status;
      await child.stdin.close().catch(() => {});
      return undefined;
    }
    return new TimedProcess(title.value, child, lines);
  }

  /** Milliseconds of one batch; the first of a case may warm up. */
  async time(which: Case): Promise<number> {
    await this.#writer.write(
      new TextEncoder().encode(`${JSON.stringify(which)}\n`),
    );
    const answer = await this.#lines.next();
    if (answer.done) throw new Error(`${this.title} ended early`);
    return Number(answer.value);
  }

  /** Ends the program. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
  }
}
