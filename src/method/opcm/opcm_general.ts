/** FusionBench's name for OPCM on any architecture. */
export { default } from "./opcm.ts";
