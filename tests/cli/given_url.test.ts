import { expect, setDefaultTimeout, test } from "bun:test";
import { isUrl, isWebUrl, shownUrl } from "../../src/cli/given_url.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

test.each([
  ["http://example.com/a/cat.png", "http://example.com/a/cat.png"],
  ["https://bob:hunter2@example.com:8080/cat.png", "https://example.com:8080/cat.png"],
  ["  https://bob:hunter2@example.com/cat.png", "https://example.com/cat.png"],
  ["https:\\\\bob:hunter2@example.com\\cat.png", "https://example.com/cat.png"],
  ["https:bob:hunter2@example.com/cat.png", "https://example.com/cat.png"],
  ["https://bob:hunt@er2@example.com/cat.png", "https://example.com/cat.png"],
  ["https://example.com/cat.png?key=hunter2", "https://example.com/cat.png?…"],
  ["https://example.com/cat.png#hunter2", "https://example.com/cat.png?…"],
  // What looks like the end of the host may be a letter of the password.
  ["http://bob:hunter#2@host/cat.png", "http://…"],
  ["http://bob:hun/ter2@127.0.0.1:1/cat.png?sig=S", "http://…"],
  ["http://bob:80/hunter2@host/cat.png", "http://…"],
  ["http://bob:80#hunter2@host/cat.png", "http://…"],
  ["http://bob:80?hunter2@host/cat.png", "http://…"],
  ["http://bob\\hunter2@host/cat.png", "http://…"],
  ["http://[hunter2", "http://…"],
  ["https://", "https://"],
  ["data:image/png;base64,hunter2", "data:…"],
])("shownUrl(%j) is %j", (url, shown) => {
  expect(shownUrl(url)).toBe(shown);
  expect(isUrl(url)).toBe(true);
});

test("isUrl() and isWebUrl() know a URL by its scheme", () => {
  expect(["HTTP://a", " https:b", "data:,", "http.png", "./http:", "ftp://a"].map(isUrl)).toEqual([
    ...[true, true, true, false, false, false],
  ]);
  expect(["HTTP://a", "data:,"].map(isWebUrl)).toEqual([true, false]);
});
