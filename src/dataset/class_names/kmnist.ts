/** Class names of `kmnist`, in order of their labels. */
const classnames: readonly string[] = [
  "お",
  "き",
  "す",
  "つ",
  "な",
  "は",
  "ま",
  "や",
  "れ",
  "を",
];
export default classnames;
