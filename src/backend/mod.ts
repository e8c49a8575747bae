/**
 * Which TensorFlow.js backend runs, and the operations that TensorFlow.js
 * lacks.
 *
 * @module
 */
export {
  type ActiveBackend,
  AUTO_ORDER,
  BACKEND_CHOICES,
  type BackendChoice,
  type BackendName,
} from "./backend_name.ts";
export {
  depthwiseConvolution,
  pointwise,
  type PointwiseOptions,
} from "./fused.ts";
export type {
  BlockKernels,
  BlockOptions,
  BlockWeights,
} from "./block_weights.ts";
export { fusedBlock, packBlock } from "./fused_block.ts";
export {
  type BackboneOptions,
  fusedBackbone,
  type LayerWeights,
} from "./native_backbone.ts";
export { gelu } from "./gelu.ts";
export { layerNorm } from "./layer_norm.ts";
export { useBackend, type UseBackendOptions } from "./use_backend.ts";
export {
  type Eigen,
  hasNativeLinearAlgebra,
  type Qr,
  qr,
  selfAdjointEig,
  type Svd,
  svd,
} from "./linear_algebra.ts";
export {
  hasNativeOps,
  type NativeAttribute,
  type NativeAttributes,
  nativeOp,
} from "./native.ts";
export { sumOfDifferences } from "./sum_of_differences.ts";
export { trainingPatches, trainingPatchesGradient } from "./native_patches.ts";
export {
  nativeSymmetricProduct,
  type SymmetricProductOptions,
} from "./native_products.ts";
export {
  type BlockGradients,
  type NormalizedBlock,
  type TrainedWeights,
  trainingBlockBackward,
  trainingBlockForward,
} from "./native_training.ts";
export {
  type AdamNumbers,
  joinTensors,
  nativeAdam,
  partTensor,
  type TrainedNorm,
  trainingNormBackward,
  trainingNormForward,
} from "./native_vectors.ts";
export { computesOnProcessor } from "./tensorflow.ts";
export { recordsGradients } from "./records_gradients.ts";
export {
  type TensorflowBuild,
  tensorflowFolder,
  type TensorflowPaths,
  tensorflowPaths,
} from "./tensorflow_folder.ts";
export { emptyTensor, hasTensorMemory, memoryOf } from "./tensor_memory.ts";
