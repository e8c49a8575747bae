import { concrete } from "./concrete.ts";

export default concrete("none");
