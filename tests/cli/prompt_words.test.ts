/** What of a prompt may have been meant as a flag or as MODEL. */
import { expect, test } from "bun:test";
import { picturePath } from "../support/executable.ts";
import { cli, fakeServices } from "./support.ts";

const picture = picturePath("gray.png");

test("a picture that is named in the prompt's text is told to be text, unless it is given, too", async () => {
  const prompts: [string[], string | undefined][] = [
    [[`What is this? ${picture}`], picture],
    [["What is this?", `${picture} (mine)`], picture],
    [[`What is ${picture}?`, "--image", picture], undefined],
    [["What is nothing.png?"], undefined],
  ];
  for (const [words, name] of prompts) {
    const { services } = fakeServices("hi");
    const { code, stderr } = await cli(["run", "./m", ...words], { services });
    const note = `note: "${name}" is read as text; --image ${name} gives the picture\n`;
    expect({ code, stderr }).toEqual({ code: 0, stderr: name === undefined ? "" : note });
  }
});

test("the address of a picture, which is refused, is told once", async () => {
  const { stderr } = await cli(["run", "https://a.example/b.png", "What?"]);
  expect(stderr).not.toContain("part of the prompt");
});

test("a picture in the prompt that is there, or in the middle of a sentence, is not called missing", async () => {
  for (const words of [["examples/scene.png", "What?"], ["What is this? ./examples/scene.png"]]) {
    const { stderr } = await cli(["run", ...words]);
    expect(stderr).toContain("scene.png");
    expect(stderr).not.toContain("part of the prompt");
  }
});

test("a first word that looks like a model or a file and is none is told to be part of the prompt", async () => {
  const cases: [string[], string | undefined][] = [
    [
      ["llama3.2-vision", "What is this?"],
      '"llama3.2-vision" is read as part of the prompt: there is no such model',
    ],
    [["12b", "how many"], '"12b" is read as part of the prompt: there is no such model'],
    [["scene.png", "What is this?"], '"scene.png" is read as part of the prompt: there is no such file'],
    [["What", "is 12b?"], undefined],
    [["How many?"], undefined],
    [["12", "stars"], undefined],
  ];
  for (const [words, remark] of cases) {
    const { services } = fakeServices("hi");
    const { code, stdout, stderr } = await cli(["run", ...words], { services });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hi\n" });
    if (remark === undefined) expect(stderr).not.toContain("part of the prompt");
    else expect(stderr).toContain(`note: ${remark}`);
  }
});
