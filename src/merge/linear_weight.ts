/**
 * Whether a tensor is the weight matrix of a linear layer. In a ConvNeXt these
 * are the pointwise convolutions of every block, which `transformers` builds
 * as `nn.Linear`, and the classifier; the depthwise, stem and downsampling
 * convolutions are not.
 *
 * @param name The tensor's Hugging Face name.
 */
export function isLinearWeight(name: string): boolean {
  return /(^|\.)(pwconv[12]|classifier)\.weight$/.test(name);
}
