/** Runs with these variables of Hugging Face's set, and no others. */
export function withVariables<T>(
  variables: Readonly<Record<string, string>>,
  run: () => T,
): T {
  const before = Object.entries(Deno.env.toObject()).filter(([name]) =>
    /^(HF_|HUGGING|TRANSFORMERS_OFFLINE)/.test(name)
  );
  for (const [name] of before) Deno.env.delete(name);
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  try {
    return run();
  } finally {
    for (const name of Object.keys(variables)) Deno.env.delete(name);
    for (const [name, value] of before) Deno.env.set(name, value);
  }
}
