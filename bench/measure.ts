/** What a program took. */
export interface Measured {
  /** Seconds from start to end; the median of the runs. */
  wall: number;
  /** User and system time in seconds of that run. */
  processor: number;
  /** Largest resident memory of any run, in bytes. */
  memory: number;
}

/** `/usr/bin/time` writes these to a file, so that they stay apart. */
const FORMAT = "%e %U %S %M";

/**
 * Runs a program several times, its output thrown away.
 *
 * @returns The median run; nothing if the program fails: what it says last goes
 * to standard error, unless it ends with 3, "not here".
 */
export async function measure(
  program: string,
  args: string[],
  runs: number,
): Promise<Measured | undefined> {
  const all: Measured[] = [];
  const file = await Deno.makeTempFile();
  try {
    for (let run = 0; run < runs; run++) {
      const { code, stderr } = await new Deno.Command("/usr/bin/time", {
        args: ["-q", "-f", FORMAT, "-o", file, program, ...args],
        stdout: "null",
        stderr: "piped",
      }).output();
      if (code !== 0) {
        const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
        if (code !== 3) console.error(`${program} ${args[0]}: ${said}`);
        return undefined;
      }
      const [wall, user, system, kilobytes] = (await Deno.readTextFile(file))
        .trim().split(" ").map(Number);
      all.push({
        wall: wall!,
        processor: user! + system!,
        memory: kilobytes! * 1024,
      });
    }
  } finally {
    await Deno.remove(file);
  }
  const median = all.toSorted((a, b) => a.wall - b.wall)[all.length >> 1];
  return median && {
    ...median,
    memory: Math.max(...all.map(({ memory }) => memory)),
  };
}
