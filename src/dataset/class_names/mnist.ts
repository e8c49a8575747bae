/** Class names of `mnist`, in order of their labels. */
const classnames: readonly string[] = [
  "0",
  "1",
  "2",
  "3",
  "4",
  "5",
  "6",
  "7",
  "8",
  "9",
];
export default classnames;
