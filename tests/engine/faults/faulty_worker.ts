/** The engine's worker thread, on a device whose commands can be made to fail: `fault_control.ts`. */
import { Engine } from "../../../src/engine/engine.ts";
import { hostEngine, type OpenEngine } from "../../../src/engine/host.ts";
import { Device } from "../../../src/gpu/device.ts";
import { FaultControl } from "./fault_control.ts";

declare const self: Worker;

let control: FaultControl;

const openEngine: OpenEngine = (options, onProgress) => {
  const { device: select, pipelineCache: cacheDirectory } = options;
  const device = Device.open({ select, cacheDirectory, intercept: control.intercept });
  try {
    const engine = Engine.open(options, onProgress, device);
    const disposeEngine = engine.dispose.bind(engine);
    engine.dispose = () => {
      disposeEngine();
      device.dispose();
    };
    return engine;
  } catch (error) {
    device.dispose();
    throw error;
  }
};

self.onmessage = ({ data }: MessageEvent<SharedArrayBuffer>) => {
  control = new FaultControl(data);
  hostEngine(self, openEngine);
};
