/** A variable of the environment; empty counts as not set. */
export function variable(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

/** Whether a variable of the environment says yes, as `huggingface_hub` reads it. */
export function isSet(name: string): boolean {
  return /^(1|on|yes|true)$/i.test(variable(name) ?? "");
}
