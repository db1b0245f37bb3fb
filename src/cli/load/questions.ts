import { generator, uniform } from "../../base/random.ts";
import { noisePicture } from "./noise_picture.ts";

/** What all requests of a run ask for. */
export interface QuestionOptions {
  readonly model: string;
  /** Length of a prompt, the order to write with it. */
  readonly promptWords: number;
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  readonly pictures: "none" | "shared" | "distinct";
  /** Width and height of a picture, in pixels. */
  readonly pictureSize: number;
  readonly seed: number;
}

/** The order in which a model is asked to go on for a while, whatever the words before it. */
const task = "Write a long story with these words.";

/** Short and common, so that most tokenizers have each of them as one token. */
const words =
  ("time year people way day man thing woman life child world school state family student group " +
    "country problem hand part place case week company system program question work government number night " +
    "point home water room mother area money story fact month lot right study book eye job word business issue " +
    "side kind head house service friend father power hour game line end member law car city name team minute " +
    "idea body back parent face level office door health person art war history party result change morning " +
    "reason research girl guy moment air teacher force education").split(" ");

/** Makes the requests of a run: the same numbers give the same requests. */
export class Questions {
  #shared: string | undefined;

  constructor(readonly options: QuestionOptions) {}

  /** The body of a request, as far as it does not depend on how its answer is read. */
  body(index: number): Readonly<Record<string, unknown>> {
    const { model, maxTokens, ignoreEos } = this.options;
    const next = this.#numbers(index);
    const text = this.#prompt(next);
    const picture = this.#picture(next);
    const content = picture === undefined
      ? text
      : [{ type: "image_url", image_url: { url: picture } }, { type: "text", text }];
    return {
      model,
      messages: [{ role: "user", content }],
      max_tokens: maxTokens,
      temperature: 0,
      ...ignoreEos ? { ignore_eos: true } : {},
    };
  }

  #numbers(index: number): () => number {
    return generator(Math.floor(uniform(this.options.seed, index) * 2 ** 32));
  }

  /** Random from the first word on: what a server keeps of other prompts does not help it. */
  #prompt(next: () => number): string {
    const length = Math.max(1, this.options.promptWords - task.split(" ").length);
    const chosen = Array.from({ length }, () => words[Math.floor(next() * words.length)]!);
    return `${chosen.join(" ")}. ${task}`;
  }

  #picture(next: () => number): string | undefined {
    const { pictures, pictureSize } = this.options;
    const draw = (numbers: () => number) =>
      `data:image/png;base64,${noisePicture(numbers, pictureSize).toString("base64")}`;
    if (pictures === "shared") return this.#shared ??= draw(this.#numbers(0));
    return pictures === "distinct" ? draw(next) : undefined;
  }
}
