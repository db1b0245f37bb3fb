import type { Environment } from "../base/environment.ts";
import type { BenchOptions, BenchReport } from "../runtime/bench_report.ts";
import type { DoctorOptions } from "../runtime/doctor.ts";
import type { FoundDevice } from "../runtime/devices.ts";
import type { InspectOptions } from "../runtime/inspect.ts";
import type { LoadPicture, PicturePolicy } from "../runtime/pictures.ts";
import type { RuntimeOptions } from "../runtime/runtime.ts";
import type { Check, Inspection, TraceOptions, TraceReport } from "../runtime/reports.ts";
import type { Runtime } from "../runtime/request.ts";

/** What the commands ask of the runtime. Tests give their own. */
export interface Services {
  /** Looks whether a model can be opened. @throws {ModelNotFoundError} If it is not there. */
  checkModel(model: string, env: Environment): Promise<void>;
  openRuntime(options: RuntimeOptions): Promise<Runtime>;
  pictureLoader(policy: PicturePolicy): Promise<LoadPicture>;
  traceToFile(options: TraceOptions): Promise<TraceReport>;
  inspectModel(options: InspectOptions): Promise<Inspection>;
  runDoctor(options: DoctorOptions): Promise<readonly Check[]>;
  findDevices(): Promise<readonly FoundDevice[]>;
  runBench(options: BenchOptions): Promise<BenchReport>;
}

/** The real ones. Each module is read when it is first needed: `--version` and `--help` load none of them. */
export const services: Services = {
  checkModel: async (model, env) => (await import("../runtime/models.ts")).checkModel(model, env),
  openRuntime: async (options) => (await import("../runtime/runtime.ts")).openRuntime(options),
  pictureLoader: async (policy) => (await import("../runtime/pictures.ts")).pictureLoader(policy),
  traceToFile: async (options) => (await import("../runtime/trace.ts")).traceToFile(options),
  inspectModel: async (options) => (await import("../runtime/inspect.ts")).inspectModel(options),
  findDevices: async () => (await import("../runtime/devices.ts")).findDevices(),
  runDoctor: async (options) => (await import("../runtime/doctor.ts")).runDoctor(options),
  runBench: async (options) => (await import("../runtime/bench.ts")).runBench(options),
};
