/** Class names of `tanganke/stl10`, in order of their labels. */
const classnames: readonly string[] = [
  "airplane",
  "bird",
  "car",
  "cat",
  "deer",
  "dog",
  "horse",
  "monkey",
  "ship",
  "truck",
];
export default classnames;
