import type { ConvNextConfig } from "./config.ts";

/** What tells one ConvNeXt architecture from the other. */
export interface Architecture {
  /** `model_type` of its `config.json`. */
  readonly modelType: ConvNextConfig["model_type"];
  /** Its class in transformers, as `architectures` of `config.json` names it. */
  readonly className: string;
  /** Name of the backbone's layer, and of its weights' prefix. */
  readonly backbone: string;
  /** Whether blocks normalize responses (GRN) instead of scaling their layer. */
  readonly globalResponseNorm: boolean;
}

/** The architectures by `model_type`. */
export const ARCHITECTURES: Readonly<
  Record<ConvNextConfig["model_type"], Architecture>
> = {
  // https://arxiv.org/abs/2201.03545
  convnext: {
    modelType: "convnext",
    className: "ConvNextForImageClassification",
    backbone: "convnext",
    globalResponseNorm: false,
  },
  // https://arxiv.org/abs/2301.00808
  convnextv2: {
    modelType: "convnextv2",
    className: "ConvNextV2ForImageClassification",
    backbone: "convnextv2",
    globalResponseNorm: true,
  },
};

/** The architecture of a config. */
export function architectureOf(
  config: Pick<ConvNextConfig, "model_type">,
): Architecture {
  return ARCHITECTURES[config.model_type];
}

/** Names of the layers that merging may change in a ConvNeXt. */
export const FUSION_TARGETS: readonly string[] = [
  ARCHITECTURES.convnext.backbone,
];

/**
 * Names of the layers that merging may change: the backbone, `["convnext"]` or
 * `["convnextv2"]`.
 */
export function fusionTargetsOf(
  config: Pick<ConvNextConfig, "model_type">,
): readonly string[] {
  return [architectureOf(config).backbone];
}

/** As {@linkcode fusionTargetsOf}, told from a state dict's names. */
export function fusionTargetsAmong(
  names: readonly string[],
): readonly string[] {
  const found = Object.values(ARCHITECTURES).find(({ backbone }) =>
    names.some((name) => name.startsWith(`${backbone}.`))
  );
  return [(found ?? ARCHITECTURES.convnext).backbone];
}
