import * as tf from "@tensorflow/tfjs";
import { type BlockKernels, packBlock } from "../backend/mod.ts";

/** The variables of a block that inference prepares. */
export interface PreparableWeights {
  /** Depthwise, [7, 7, channels, 1] */
  convolutionKernel: tf.Tensor4D;
  /** [channels, hidden] */
  spreadKernel: tf.Tensor2D;
  /** [hidden, channels] */
  gatherKernel: tf.Tensor2D;
  /** [channels] */
  gatherBias: tf.Tensor;
  /** The layer scale, [channels], where the block has one. */
  scale: tf.Tensor | undefined;
}

/** What inference multiplies by. */
export interface Prepared {
  /** All kernels packed, where the backend runs the block in one operation. */
  packed?: BlockKernels;
  /** [hidden, channels], with the layer scale multiplied in. */
  gatherKernel: tf.Tensor2D;
  /** [channels], with the layer scale multiplied in. */
  gatherBias: tf.Tensor;
}

/**
 * Keeps what inference makes of a block's weights: the second product's with
 * the layer scale multiplied in, and kernels packed. A variable that is written
 * to has other data: then they are made anew.
 */
export class PreparedWeights {
  #sources: (tf.DataId | string | undefined)[] = [];
  #prepared: Prepared | undefined;
  #own: tf.Tensor[] = [];

  /**
   * The weights prepared; they stay this object's.
   *
   * @param weights The block's variables.
   * @param pack Whether packed kernels are of use.
   */
  of(weights: PreparableWeights, pack: boolean): Prepared {
    const {
      convolutionKernel,
      spreadKernel,
      gatherKernel,
      gatherBias,
      scale,
    } = weights;
    const sources = [
      convolutionKernel.dataId,
      spreadKernel.dataId,
      gatherKernel.dataId,
      gatherBias.dataId,
      scale?.dataId,
      tf.getBackend(),
    ];
    if (
      this.#prepared === undefined ||
      sources.some((source, i) => source !== this.#sources[i])
    ) {
      this.dispose();
      this.#sources = sources;
      this.#prepared = this.#prepare(weights, pack);
    }
    return this.#prepared;
  }

  #prepare(
    { convolutionKernel, spreadKernel, gatherKernel, gatherBias, scale }:
      PreparableWeights,
    pack: boolean,
  ): Prepared {
    const keep = <T extends tf.Tensor>(tensor: T): T => {
      this.#own.push(tf.keep(tensor));
      return tensor;
    };
    const prepared: Prepared = {
      gatherKernel: scale ? tf.mul(gatherKernel, scale) : gatherKernel,
      gatherBias: scale ? keep(tf.mul(gatherBias, scale)) : gatherBias,
    };
    const packed = pack
      ? packBlock({
        convolution: convolutionKernel,
        spread: spreadKernel,
        gather: prepared.gatherKernel,
      })
      : undefined;
    if (packed) {
      Object.values(packed).forEach(keep);
      prepared.packed = packed;
    } else if (scale) {
      keep(prepared.gatherKernel);
    }
    return prepared;
  }

  /** Releases what is kept. */
  dispose(): void {
    tf.dispose(this.#own);
    this.#own = [];
    this.#prepared = undefined;
    this.#sources = [];
  }
}
