import { adaMerging } from "./ada_merging.ts";

export default adaMerging(false);
