/** Class names of `eurosat`, in order of their labels. */
const classnames: readonly string[] = [
  "annual crop land",
  "forest",
  "brushland or shrubland",
  "highway or road",
  "industrial buildings or commercial buildings",
  "pasture land",
  "permanent crop land",
  "residential buildings or homes or apartments",
  "river",
  "lake or sea",
];
export default classnames;
