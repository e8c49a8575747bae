/** FusionBench's name for DOP on any architecture. */
export { default } from "./dop.ts";
