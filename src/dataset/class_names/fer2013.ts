/** Class names of `fer2013`, in order of their labels. */
const classnames: readonly string[] = [
  "angry",
  "disgusted",
  "fearful",
  "happy",
  "neutral",
  "sad",
  "surprised",
];
export default classnames;
