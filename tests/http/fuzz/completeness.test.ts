import { expect, test } from "bun:test";
import { isFollowed, isIncomplete } from "./completeness.ts";

const post = "POST / HTTP/1.1\r\nHost: a\r\n";

test("isIncomplete() says whether a server may wait for more", () => {
  const incomplete = [
    "",
    "\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    `${post}Content-Length: 3\r\n\r\nab`,
    `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n3`,
  ];
  const whole = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\n\r\n",
    "nonsense\r\n\r\n",
    `${post}Content-Length: 3\r\n\r\nabc`,
    `${post}Content-Length: x\r\n\r\n`,
    `${post}Content-Length: 9\r\nContent-Length: 3\r\n\r\n`,
    `${post}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: 1\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ];
  expect(incomplete.filter((sent) => !isIncomplete(sent))).toEqual([]);
  expect(whole.filter(isIncomplete)).toEqual([]);
});

test("isFollowed() says whether something stands behind a request that is whole", () => {
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const chunks = `${post}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`;
  const alone = [
    get,
    chunks,
    `${post}Content-Length: 3\r\n\r\nabc`,
    `${post}Content-Length: 99\r\n\r\n${get}`,
  ];
  expect(alone.filter(isFollowed)).toEqual([]);
  const followed = [get + get, chunks + get, `${post}Content-Length: 3\r\n\r\nabcGET`];
  expect(followed.filter((sent) => !isFollowed(sent))).toEqual([]);
});
