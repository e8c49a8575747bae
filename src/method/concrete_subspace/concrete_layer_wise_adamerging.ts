import { concrete } from "./concrete.ts";

export default concrete("layer_wise");
