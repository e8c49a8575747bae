/** timm's names of a ConvNeXt's parts, and transformers' without the backbone's prefix. */
const PARTS: readonly (readonly [timm: string, huggingFace: string])[] = [
  ["stem.0", "embeddings.patch_embeddings"],
  ["stem.1", "embeddings.layernorm"],
  ["stages.#.downsample.0", "encoder.stages.#.downsampling_layer.0"],
  ["stages.#.downsample.1", "encoder.stages.#.downsampling_layer.1"],
  ["stages.#.blocks.#.conv_dw", "encoder.stages.#.layers.#.dwconv"],
  ["stages.#.blocks.#.norm", "encoder.stages.#.layers.#.layernorm"],
  ["stages.#.blocks.#.mlp.fc1", "encoder.stages.#.layers.#.pwconv1"],
  ["stages.#.blocks.#.mlp.grn", "encoder.stages.#.layers.#.grn"],
  ["stages.#.blocks.#.mlp.fc2", "encoder.stages.#.layers.#.pwconv2"],
  ["head.norm", "layernorm"],
];
const LAYER_SCALE = [
  "stages.#.blocks.#.gamma",
  "encoder.stages.#.layers.#.layer_scale_parameter",
] as const;
const HEAD = ["head.fc", "classifier"] as const;

const TO_HUGGING_FACE = new Map<string, string>([...PARTS, LAYER_SCALE]);
const TO_TIMM = new Map<string, string>(
  [...PARTS, LAYER_SCALE].map(([timm, huggingFace]) => [huggingFace, timm]),
);

/**
 * transformers' name of a tensor that timm names.
 *
 * @param backbone Prefix of the backbone's tensors, such as `convnext`.
 * @returns The name; undefined if transformers' ConvNeXt has no such tensor.
 */
export function huggingFaceName(
  timm: string,
  backbone: string,
): string | undefined {
  const [part, end] = split(timm);
  if (part === HEAD[0]) return `${HEAD[1]}${end}`;
  const name = rename(part, TO_HUGGING_FACE);
  return name === undefined ? undefined : `${backbone}.${name}${end}`;
}

/** timm's name of a tensor that transformers names: {@linkcode huggingFaceName} back. */
export function timmName(
  huggingFace: string,
  backbone: string,
): string | undefined {
  const [part, end] = split(huggingFace);
  if (part === HEAD[1]) return `${HEAD[0]}${end}`;
  if (!part.startsWith(`${backbone}.`)) return undefined;
  const name = rename(part.slice(backbone.length + 1), TO_TIMM);
  return name === undefined ? undefined : `${name}${end}`;
}

/**
 * Whether a tensor is named as a ConvNeXt's, of any size, in transformers.
 *
 * @param backbone As in {@linkcode huggingFaceName}.
 */
export function isConvNextTensor(name: string, backbone: string): boolean {
  return timmName(name, backbone) !== undefined;
}

/** A name without `.weight` or `.bias`, and that. */
function split(name: string): [part: string, end: string] {
  const end = /\.(weight|bias)$/.exec(name)?.[0] ?? "";
  return [name.slice(0, name.length - end.length), end];
}

function rename(
  part: string,
  names: ReadonlyMap<string, string>,
): string | undefined {
  // The numbers of stage and block, in their order.
  const numbers = Array.from(
    part.matchAll(/(?<=stages\.|blocks\.|layers\.)\d+/g),
    ([number]) => number,
  );
  const name = names.get(
    part.replace(/(?<=stages\.|blocks\.|layers\.)\d+/g, "#"),
  );
  return name?.replace(/#/g, () => numbers.shift() ?? "#");
}
