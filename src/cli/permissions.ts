/** Variables that `huggingface_hub` reads too. */
const HUB_VARIABLES =
  "--allow-env=HF_*,HUGGINGFACE_HUB_CACHE,HUGGING_FACE_HUB_TOKEN,TRANSFORMERS_OFFLINE,XDG_CACHE_HOME,HOME,USERPROFILE";
const HUB_HOSTS = "--allow-net=huggingface.co,*.hf.co";

/** What a command may need of Deno, and the flags that give it. */
const NEEDS = {
  read: {
    what: "reads presets, models, data sets and TensorFlow.js' own files",
    flags: ["--allow-read"],
  },
  write: {
    what: "writes into FOLDER, which holds what it makes",
    flags: ["--allow-write=FOLDER"],
  },
  images: {
    what: "decodes PNG, JPEG and other images (IDX files need it not)",
    flags: ["--allow-ffi", "--allow-env=npm_package_config_libvips"],
  },
  hub: {
    what: "downloads from the Hugging Face Hub, where a name is no folder here",
    flags: [HUB_HOSTS, HUB_VARIABLES, "--allow-write=CACHE"],
  },
  upload: {
    what: "uploads to the Hugging Face Hub",
    flags: [HUB_HOSTS, HUB_VARIABLES],
  },
  tensorflow: {
    what: "computes on TensorFlow's own library (backend=tensorflow or cuda)",
    flags: [
      "--allow-ffi",
      "--allow-env=CONVNEXT_FUSION_TENSORFLOW,XDG_CACHE_HOME,HOME,USERPROFILE,CUDA_VISIBLE_DEVICES,TF_*",
    ],
  },
  webgpu: {
    what: "looks for a GPU on Linux (backend=webgpu or auto): keeps it silent",
    flags: ["--allow-env=XDG_RUNTIME_DIR"],
  },
} as const;

/** Something that a command may need. */
export type Need = keyof typeof NEEDS;

/** What each command always needs, and what it needs for some of its uses. */
export const PERMISSIONS: Readonly<
  Record<string, { always: readonly Need[]; sometimes: readonly Need[] }>
> = {
  run: {
    always: ["read", "write"],
    sometimes: ["images", "hub", "tensorflow", "webgpu"],
  },
  search: {
    always: ["read", "write"],
    sometimes: ["images", "hub", "tensorflow", "webgpu"],
  },
  evaluate: {
    always: ["read"],
    sometimes: ["write", "images", "hub", "tensorflow", "webgpu"],
  },
  finetune: {
    always: ["read", "write"],
    sometimes: ["images", "hub", "tensorflow", "webgpu"],
  },
  predict: {
    always: ["read", "images"],
    sometimes: ["hub", "tensorflow", "webgpu"],
  },
  analyze: { always: ["read"], sometimes: ["write", "hub"] },
  "merge-info": { always: ["read"], sometimes: [] },
  inspect: { always: ["read"], sometimes: ["hub"] },
  convert: {
    always: ["read", "write"],
    sometimes: ["hub", "tensorflow", "webgpu"],
  },
  push: { always: ["read", "upload"], sometimes: [] },
  list: { always: ["read"], sometimes: [] },
};

/** The flags that needs add up to, each once. */
export function permissionFlags(needs: readonly Need[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const flag of needs.flatMap((need) => NEEDS[need].flags)) {
    const [name, value] = flag.split("=") as [string, string?];
    const all = values.get(name) ?? new Set();
    values.set(name, all);
    for (const one of value?.split(",") ?? []) all.add(one);
  }
  return Array.from(
    values,
    ([name, all]) => all.size === 0 ? name : `${name}=${[...all].join(",")}`,
  );
}

/** The end of a command's help: what it needs of Deno. */
export function permissionHelp(command: string): string {
  const { always, sometimes } = PERMISSIONS[command]!;
  return [
    `Permissions (\`deno run FLAGS …\`): ${permissionFlags(always).join(" ")}`,
    ...sometimes.map((need) =>
      `  where it ${NEEDS[need].what}: ${permissionFlags([need]).join(" ")}`
    ),
  ].join("\n");
}

/** The tables of the README: what each command needs, and what that means. */
export function permissionTables(): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const list = (needs: readonly Need[]): string => needs.join(", ") || "—";
  return [
    row(["command", "always", "for some of its uses"]),
    row(["---", "---", "---"]),
    ...Object.entries(PERMISSIONS).map(([name, { always, sometimes }]) =>
      row([`\`${name}\``, list(always), list(sometimes)])
    ),
    "",
    row(["word", "the command …", "flags"]),
    row(["---", "---", "---"]),
    ...Object.entries(NEEDS).map(([name, { what, flags }]) =>
      row([name, what, `\`${flags.join(" ")}\``])
    ),
  ].join("\n");
}
