import { describe, expect, test } from "bun:test";
import { formOf, judge } from "../../bench/demo/judge.ts";

type Case = readonly [question: string, expected: string, right: readonly string[], wrong: readonly string[]];

const cases: readonly Case[] = [
  [
    "What shape is the red object?",
    "It is a star.",
    ["It is a star.", "star", "The red object is a star.", "It is a red star."],
    [
      "It is a circle.",
      "It is a star or a circle.",
      "It is a blue star.",
      "It is not a star.",
      "",
      "There is no red object.",
    ],
  ],
  [
    "What is at the top left?",
    "It is a red star.",
    ["It is a red star.", "There is a red star at the top left."],
    [
      "It is a star.",
      "It is a blue star.",
      "It is a red ring.",
      "There is nothing at the top left.",
      "It is red.",
    ],
  ],
  [
    "What color is the star?",
    "The star is red.",
    ["The star is red.", "It is red.", "Red."],
    [
      "The star is blue.",
      "The circle is red.",
      "It is red and blue.",
      "The star is not red.",
      "The star is a star.",
      "There is no star.",
    ],
  ],
  [
    "Is the star small or large?",
    "It is large.",
    ["It is large.", "The star is big.", "large"],
    ["It is small.", "It is small or large.", "It is not large.", "It is."],
  ],
  [
    "Where is the star?",
    "It is at the top left.",
    ["It is at the top left.", "The star is in the upper left corner.", "top-left"],
    [
      "It is at the top.",
      "It is on the left.",
      "It is at the top right.",
      "It is at the bottom left.",
      "There is no star.",
    ],
  ],
  ["Where is the star?", "It is in the center.", ["It is in the centre.", "In the middle."], [
    "It is on the left.",
    "It is at the top.",
  ]],
  [
    "What color is the background?",
    "The background is gray.",
    ["The background is grey.", "It is gray."],
    ["The background is white.", "The background is gray and white."],
  ],
  [
    "How many stars are there?",
    "There are 3 stars.",
    ["There are 3 stars.", "There are three stars.", "3"],
    [
      "There are 4 stars.",
      "There are no stars.",
      "There are 3 circles.",
      "There are 3 or 4 stars.",
      "There are 13 stars.",
    ],
  ],
  [
    "How many red objects are there?",
    "There is 1 red object.",
    ["There is 1 red object.", "One."],
    ["There are 2 red objects.", "There is 1 blue object.", "There are no red objects."],
  ],
  [
    "How many stars are there?",
    "There are no stars.",
    ["There are no stars.", "There are 0 stars.", "None."],
    ["There is 1 star.", "There are 3 stars.", "There are no stars but 2 circles."],
  ],
  [
    "What color is the star?",
    "There is no star.",
    ["There is no star.", "There isn't a star in the picture."],
    ["The star is red.", "It is red.", "There is a star.", "There is no circle."],
  ],
  ["What is at the top?", "There is nothing at the top.", ["There is nothing at the top.", "Nothing."], [
    "It is a red star.",
    "It is a star.",
  ]],
  ["Read the number.", "There is no number.", ["There is no number."], [
    "The number is 47.",
    "There is no 47.",
  ]],
  ["What does the text say?", "There is no text.", ["There is no text."], [
    "It says NOTHING.",
    "It says HOUSE.",
  ]],
  [
    "What is to the left of the star?",
    "There is a blue heart and a red ring.",
    ["There is a blue heart and a red ring.", "A red ring and a blue heart."],
    [
      "There is a blue heart.",
      "There is a blue ring and a red heart.",
      "There is a blue heart, a red ring and a pink cross.",
      "There is a heart and a ring.",
      "There is nothing.",
    ],
  ],
  ["What is above the star?", "There is nothing.", ["There is nothing.", "Nothing is above the star."], [
    "There is a blue heart.",
  ]],
  ["Is there a red star?", "Yes, there is.", ["Yes, there is.", "yes", "Yes, there is a red star."], [
    "No, there is not.",
    "There is.",
    "Yes, there is a blue star.",
  ]],
  [
    "Is the star red?",
    "No, it is blue.",
    ["No, it is blue.", "No.", "No, it is not red, it is blue."],
    ["Yes, it is.", "No, it is green.", "No, it is red."],
  ],
  ["Are there more stars than circles?", "No, there are not.", ["No, there are not."], ["Yes, there are."]],
  [
    "What number is in the picture?",
    "The number is 47.",
    ["The number is 47.", "47"],
    [
      "The number is 4.",
      "The number is 74.",
      "The number is 470.",
      "The number is 47 or 41.",
      "There is no number.",
    ],
  ],
  ["Read the number.", "The number is 0.", ["The number is 0.", "0", "Zero."], [
    "The number is 10.",
    "There is no number.",
  ]],
  [
    "What numbers do you see?",
    "The numbers are 12 and 7.",
    ["The numbers are 12 and 7."],
    ["The numbers are 7 and 12.", "The number is 12.", "The numbers are 12 and 17."],
  ],
  ["Read the word.", "It says HOUSE.", ["It says HOUSE.", "HOUSE", "The word is house."], [
    "It says MOUSE.",
    "It says HOUSE MOUSE.",
    "It says HOUS.",
    "It says house or mouse.",
  ]],
  [
    "Describe the picture.",
    "There are 2 objects: a large red star at the top left and a small blue ring in the center. The number 47 is at the top.",
    [
      "There are 2 objects: a large red star at the top left and a small blue ring in the center. The number 47 is at the top.",
      "The number 47 is at the top. There is a small blue ring in the center and a large red star at the top left.",
    ],
    [
      "There are 2 objects: a large red star at the top left and a small blue ring in the center.",
      "There are 2 objects: a large red star at the top left and a large blue ring in the center. The number 47 is at the top.",
      "There are 2 objects: a large red star at the top and a small blue ring in the center. The number 47 is at the top.",
      "There are 2 objects: a large red star at the top left and a small blue ring in the center. The number 41 is at the top.",
      "There are 3 objects: a large red star at the top left and a small blue ring in the center. The number 47 is at the top.",
      "There are 3 objects: a large red star at the top left, a small blue ring in the center and a small red star on the right. The number 47 is at the top.",
    ],
  ],
  ["What do you see?", "The word NONE is in the center.", ["The word NONE is in the center."], [
    "The picture is empty.",
    "The word NINE is in the center.",
  ]],
  ["What do you see?", "The picture is empty.", ["The picture is empty."], [
    "There is a large red star at the top.",
  ]],
  [
    "List the objects as JSON.",
    '[{"shape": "star", "color": "red", "size": "large"}, {"shape": "ring", "color": "blue", "size": "small"}]',
    ['[{"color":"red","shape":"star","size":"large"},{"size":"small","shape":"ring","color":"blue"}]'],
    [
      '[{"shape": "star", "color": "red", "size": "large"}]',
      '[{"shape": "ring", "color": "blue", "size": "small"}, {"shape": "star", "color": "red", "size": "large"}]',
      '[{"shape": "star", "color": "red", "size": "large"}, {"shape": "ring", "color": "blue", "size": "large"}]',
      '[{"shape": "star", "color": "red", "size": "large"}, {"shape": "ring", "color": "blue", "size": "small"}',
      "There is a large red star and a small blue ring.",
    ],
  ],
  ["List the objects as JSON.", "[]", ["[]"], ["[{}]", "{}", "", "The picture is empty."]],
  [
    "Which picture has more objects, the first or the second?",
    "The first picture.",
    ["The first picture.", "The first picture has more."],
    ["The second picture.", "Both have the same number.", "The first or the second."],
  ],
  ["Which picture has more objects?", "Both have the same number.", [
    "Both have the same number.",
    "They have the same number.",
  ], ["The first picture."]],
  [
    "What color is the star?",
    "I see no picture. Please show me one.",
    ["I see no picture. Please show me one.", "There is no image."],
    ["The star is red.", "There is no star.", "I see a picture."],
  ],
  ["Who are you?", "I am a small model.", ["I am a small model.", "i am a small model"], [
    "I am a large model.",
    "",
  ]],
  ["How are you?", "It is a nice day.", ["It is a nice day."], ["It is a bad day.", "It is."]],
];

describe("judge()", () => {
  test.each(cases)("%s %s", (question, expected, right, wrong) => {
    for (const answer of [expected, ...right]) {
      expect({ answer, ...judge(question, expected, answer) }).toEqual({ answer, isRight: true, facts: 1 });
    }
    for (const answer of wrong) {
      expect({ answer, isRight: judge(question, expected, answer).isRight }).toEqual({
        answer,
        isRight: false,
      });
    }
  });

  test("takes no endless answer for right, whatever words it holds", () => {
    const answer = "The star is red. ".repeat(20);
    expect(judge("What color is the star?", "The star is red.", answer)).toEqual({
      isRight: false,
      facts: 0,
    });
  });

  test("counts the right facts of a description that is partly wrong", () => {
    const expected =
      "There are 2 objects: a large red star at the top left and a small blue ring in the center.";
    const { facts } = judge("Describe the picture.", expected, "There is a large red star at the top left.");
    expect(facts).toBe(0.5);
  });
});

describe("formOf()", () => {
  test("takes the grammar of the right answer, not words that happen to be in it", () => {
    expect(formOf("There is 1 star.")).toBe("count");
    expect(formOf("There is a blue heart.")).toBe("things");
    expect(formOf("There is a large blue heart on the left.")).toBe("description");
    expect(formOf("The number 47 is at the top right.")).toBe("description");
    expect(formOf("The number is 47.")).toBe("number");
    expect(formOf("The red object is large.")).toBe("name");
    expect(formOf("You are welcome.")).toBe("text");
  });
});
