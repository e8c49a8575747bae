/** Which tasks a model is evaluated on, and how. */
export {
  type EvaluateOptions,
  ImageClassificationTaskPool,
  type ImageClassificationTaskPoolOptions,
} from "./image_classification.ts";
