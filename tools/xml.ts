/** A node of a parsed XML file. Text between tags is kept as strings among the children, in order. */
export interface XmlNode {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (XmlNode | string)[];
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Reads the subset of XML that the Vulkan registry uses: elements, attributes, text, comments, declarations.
 *
 * @returns The root element.
 * @throws {SyntaxError} If a tag is not closed or closed out of order.
 */
export function parseXml(text: string): XmlNode {
  const root: XmlNode = { tag: "", attributes: {}, children: [] };
  const open = [root];
  const tokens =
    /<!--[\s\S]*?-->|<[?!][^>]*>|<\/([\w.:-]+)\s*>|<([\w.:-]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|[^<]+/g;
  for (const [token, closing, opening, attributes, selfClosing] of text.matchAll(tokens)) {
    const parent = open.at(-1)!;
    if (closing !== undefined) {
      if (open.length < 2 || parent.tag !== closing) {
        throw new SyntaxError(`</${closing}> closes <${parent.tag}>`);
      }
      open.pop();
    } else if (opening !== undefined) {
      const node = { tag: opening, attributes: parseAttributes(attributes ?? ""), children: [] };
      parent.children.push(node);
      if (!selfClosing) open.push(node);
    } else if (!token.startsWith("<")) {
      parent.children.push(decode(token));
    }
  }
  if (open.length !== 1) throw new SyntaxError(`<${open.at(-1)!.tag}> is never closed`);
  const element = elements(root)[0];
  if (!element) throw new SyntaxError("The file holds no element");
  return element;
}

/** The child elements, optionally of one tag. */
export function elements(node: XmlNode, tag?: string): XmlNode[] {
  return node.children.filter((child): child is XmlNode =>
    typeof child !== "string" && (tag === undefined || child.tag === tag)
  );
}

/** All text below a node, without the text of its comments. */
export function textOf(node: XmlNode): string {
  return node.children.map((child) =>
    typeof child === "string" ? child : child.tag === "comment" ? "" : textOf(child)
  ).join("");
}

function parseAttributes(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)];
  return Object.fromEntries(found.map(([, name, double, single]) => [name!, decode(double ?? single ?? "")]));
}

function decode(text: string): string {
  return text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
