/** Class names of `fashion_mnist`, in order of their labels. */
const classnames: readonly string[] = [
  "T - shirt / top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];
export default classnames;
