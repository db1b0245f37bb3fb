/** Loads one URL in a process with an environment of its own, and says what came of it; its names lead to 127.0.0.1. */
import process from "node:process";
import { ImageLoader } from "../../src/images/image_loader.ts";

const resolve = () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
const loader = new ImageLoader({ remote: true, privateAddresses: true, resolve });
const outcome = await loader.load(process.argv[2]!).then(
  (bytes) => `${bytes.length} bytes`,
  (error) => error.message,
);
console.log(outcome);
process.exit(0);
