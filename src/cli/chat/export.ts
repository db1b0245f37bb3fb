import type { ChatPicture, Session } from "./session.ts";

/** A conversation for people. Pictures are named, not shown: a text has no place for their files. */
export function exportMarkdown({ model, created, system, turns }: Session): string {
  const parts = [
    `# Conversation with ${model}, ${created.slice(0, 10)}`,
    ...system === undefined ? [] : [`**System:** ${system}`],
    ...turns.map(({ role, text, pictures, stopped }) =>
      [
        role === "user" ? "## You" : "## Answer",
        ...pictures.map(({ name, width, height }) => `[${name}, ${width}×${height}]`),
        text,
        ...stopped ? ["*(stopped)*"] : [],
      ].join("\n\n")
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** A conversation as the API takes it, pictures and all: `llamav run --messages` goes on with it. */
export function exportJson({ system, turns }: Session): string {
  const messages = turns.map(({ role, text, pictures }) => {
    if (pictures.length === 0) return { role, content: text };
    const images = pictures.map((picture) => ({ type: "image_url", image_url: { url: dataUrl(picture) } }));
    return { role, content: [...images, { type: "text", text }] };
  });
  const all = system === undefined ? messages : [{ role: "system", content: system }, ...messages];
  return `${JSON.stringify({ messages: all }, null, 2)}\n`;
}

/** What a picture is says its first bytes; the media type is for readers that want one. */
function dataUrl({ bytes }: ChatPicture): string {
  return `data:${mediaType(bytes)};base64,${bytes.toBase64()}`;
}

function mediaType(bytes: Uint8Array): string {
  switch (bytes[0]) {
    case 0x89:
      return "image/png";
    case 0xff:
      return "image/jpeg";
    case 0x52:
      return "image/webp";
    case 0x47:
      return "image/gif";
    default:
      return "image/bmp";
  }
}
