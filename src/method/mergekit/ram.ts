import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeInput,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** Changes up to this size count as none. */
  epsilon: NumberParameter;
}

/** Task vectors by who else changes an element. */
export interface SharedChanges {
  /** For each model, its changes of elements that no other model changes. */
  readonly unique: readonly tf.Tensor[];
  /** For each model, its changes of elements that others change too. */
  readonly shared: readonly tf.Tensor[];
  /** Mean over the models that change an element together; else 0. */
  readonly sharedMean: tf.Tensor;
}

/** Sorts task vectors' elements into those of one model and those of several. */
export function sharedChanges(
  { pretrained, models, modelNames, number }: MergeInput,
  epsilon: NumberParameter,
): SharedChanges {
  const deltas = models.map((model) => tf.sub(model, pretrained));
  const changed = deltas.map((delta, i) =>
    tf.cast(
      tf.greater(tf.abs(delta), number(epsilon, modelNames[i])),
      "float32",
    )
  );
  const count = tf.addN(changed);
  const isUnique = tf.cast(tf.equal(count, 1), "float32");
  const isShared = tf.cast(tf.greater(count, 1), "float32");
  const part = (mask: tf.Tensor): tf.Tensor[] =>
    deltas.map((delta, i) => tf.mul(tf.mul(delta, changed[i]!), mask));
  const shared = part(isShared);
  return {
    unique: part(isUnique),
    shared,
    sharedMean: tf.div(tf.addN(shared), tf.maximum(count, 1)),
  };
}

/**
 * RAM (reinforced agent merging): an element that one model alone changes takes
 * its change whole, one that several change takes the mean of theirs.
 *
 * https://arxiv.org/abs/2601.13572
 */
const ram: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    epsilon: numberParameter({ minimum: 0 }).default(1e-5),
  }),
  merge(input, { epsilon }) {
    const { unique, sharedMean } = sharedChanges(input, epsilon);
    return tf.addN([input.pretrained, ...unique, sharedMean]);
  },
};
export default ram;
