/** Class names of `pcam`, in order of their labels. */
const classnames: readonly string[] = [
  "lymph node",
  "lymph node containing metastatic tumor tissue",
];
export default classnames;
