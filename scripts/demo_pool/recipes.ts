/** What all trainings share. */
const COMMON = {
  optimizer: "adamw",
  lr_scheduler: "cosine",
  batch_size: 64,
  save_top_k: 0,
  state_interval: 500,
  seed: 0,
  dtype: "float16",
  backend: "auto",
} as const;

/** From random weights, on emoji and icons: 8 epochs. */
export const PRETRAINING = {
  ...COMMON,
  lr: 0.003,
  weight_decay: 0.05,
  warmup_steps: 100,
  gradient_clip_val: 1,
  random_crop: 2,
  max_steps: 6000,
  val_interval: 6000,
} as const;

/** A head on the frozen backbone, until it gains no more. */
export const HEADS = {
  ...COMMON,
  freeze: "backbone",
  lr: 0.01,
  weight_decay: 0.0001,
  max_steps: 3000,
} as const;

/** The backbone, gently; the head stays as it is. */
export const EXPERTS = {
  ...COMMON,
  freeze: "head",
  lr: 0.001,
  weight_decay: 0.01,
  warmup_steps: 20,
  max_steps: 600,
} as const;
