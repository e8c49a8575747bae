import * as tf from "@tensorflow/tfjs";
       import { useBackend } from "file:///work/main/src/backend/mod.ts";
       const { name } = await useBackend("wasm");
     console.log(name, ...tf.add([1], [2]).dataSync());
     await useBackend("cpu");
     console.log(...tf.add([1], [2]).dataSync());