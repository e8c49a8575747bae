/** Class names of `nateraw/rendered-sst2`, in order of their labels. */
const classnames: readonly string[] = [
  "negative",
  "positive",
];
export default classnames;
