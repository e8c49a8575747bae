/** The Python that has the peers: the variable PYTHON's, or the system's. */
export function python(): string {
  return Deno.env.get("PYTHON") ?? "python3";
}
