/** Class names of `mango-leaf-disease`, in order of their labels. */
const classnames: readonly string[] = [
  "Anthracnose",
  "Bacterial Canker",
  "Cutting Weevil",
  "Die Back",
  "Gall Midge",
  "Healthy",
  "Powdery Mildew",
  "Sooty Mould",
];
export default classnames;
