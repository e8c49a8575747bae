/** The algorithms: one file each, named as its preset in `config/method/`. */
export { importMethod, loadMethod } from "./load_method.ts";
