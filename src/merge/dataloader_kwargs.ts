import * as z from "zod";

/** How images are batched, as in PyTorch's `DataLoader`. */
export interface DataloaderKwargs {
  /** Images a batch. */
  batch_size: number;
  /** Of FusionBench; nothing here. */
  num_workers: number;
  /** Takes images in a random order. */
  shuffle: boolean;
  /** Chooses that order. */
  seed: number;
}

/** Schema of {@linkcode DataloaderKwargs}, with a method's defaults. */
export function dataloaderKwargs(
  { batch_size, shuffle }: Pick<DataloaderKwargs, "batch_size" | "shuffle">,
): z.ZodType<DataloaderKwargs> {
  return z.strictObject({
    batch_size: z.int().min(1).default(batch_size),
    num_workers: z.int().min(0).default(0),
    shuffle: z.boolean().default(shuffle),
    seed: z.int().default(0),
  }).prefault({});
}
