import { concrete } from "./concrete.ts";

export default concrete("task_wise");
