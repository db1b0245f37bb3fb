import { backgroundSvg } from "./background.ts";
import { cssOf, shaded } from "./paint.ts";
import type { Drawn, Scene, Style } from "./scene.ts";
import { capitalHeight } from "./typefaces.ts";
import type { Shape, ShapeThing, TextThing } from "./world.ts";

type Point = readonly [x: number, y: number];

/** An SVG document of a scene, as large as its picture. */
export function drawScene(scene: Scene): string {
  const { width, height, style } = scene;
  const ground = backgroundSvg(scene.ground, width, height);
  const definitions = [
    ground.definitions,
    ...style.fill === "gradient" ? scene.shapes.map(gradientOf) : [],
    ...style.shadow ? [shadowOf(Math.min(width, height))] : [],
  ];
  const things = [
    ...scene.shapes.map((thing, index) => drawShape(thing, index, style)),
    ...scene.texts.map(drawText),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" style="display:block">` +
    `<defs>${definitions.join("")}</defs>${ground.body}` +
    `<g${style.shadow ? ' filter="url(#shadow)"' : ""}>${things.join("")}</g></svg>`;
}

/** Light from above, within the band of the colour's name. */
function gradientOf({ paint }: Drawn<ShapeThing>, index: number): string {
  return `<linearGradient id="fill${index}" x2="0" y2="1"><stop offset="0" stop-color="${
    cssOf(shaded(paint, 4))
  }"/>` +
    `<stop offset="1" stop-color="${cssOf(shaded(paint, -4))}"/></linearGradient>`;
}

function shadowOf(shorter: number): string {
  const offset = (shorter * 0.008).toFixed(1);
  return `<filter id="shadow" x="0" y="0" width="100%" height="100%"><feDropShadow dx="${offset}" dy="${offset}" ` +
    `stdDeviation="${offset}" flood-opacity="0.4"/></filter>`;
}

function drawShape(thing: Drawn<ShapeThing>, index: number, style: Style): string {
  const { x, y, width: extent } = thing;
  const fill = style.fill === "gradient" ? `url(#fill${index})` : cssOf(thing.paint);
  const line = Math.max(1, extent * 0.03);
  const dashes = style.outline === "dashed"
    ? ` stroke-dasharray="${(line * 3).toFixed(1)} ${(line * 1.8).toFixed(1)}"`
    : "";
  const corners = style.corners === "round" ? "round" : "miter";
  const outline = style.outline === "none"
    // A line of the thing's own paint, so that the corners can be round without an outline too.
    ? ` stroke="${fill}" stroke-width="${(style.corners === "round" ? extent * 0.05 : 0).toFixed(2)}"`
    : ` stroke="${cssOf(thing.outline)}" stroke-width="${line.toFixed(2)}"${dashes}`;
  const turn = `transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${thing.degrees.toFixed(1)})"`;
  // The line is drawn half outside, and turning widens a corner: both must stay inside the extent.
  const radius = extent / 2 * 0.93;
  return `<path ${turn} d="${outlines[thing.shape](radius)}" fill="${fill}" fill-rule="evenodd" ` +
    `stroke-linejoin="${corners}"${outline}/>`;
}

function drawText(thing: Drawn<TextThing>): string {
  const em = thing.height / capitalHeight;
  const baseline = thing.y + thing.height / 2;
  return `<text x="${thing.x.toFixed(2)}" y="${baseline.toFixed(2)}" text-anchor="middle" fill="${
    cssOf(thing.paint)
  }" ` +
    `font-family="'${thing.typeface}'" font-weight="${thing.weight}" font-size="${em.toFixed(2)}" ` +
    `style="font-variant-numeric:lining-nums">${thing.text}</text>`;
}

/** SVG paths around (0, 0) that reach `r` to each side. */
const outlines: Readonly<Record<Shape, (r: number) => string>> = {
  circle: (r) => circle(r),
  ring: (r) => circle(r) + circle(r * 0.56),
  square: (r) => polygon([[-r, -r], [r, -r], [r, r], [-r, r]].map(([x, y]) => [x! * 0.92, y! * 0.92])),
  diamond: (r) => polygon([[0, -r], [r * 0.8, 0], [0, r], [-r * 0.8, 0]]),
  triangle: (r) => polygon([[0, -r * 0.9], [r, r * 0.82], [-r, r * 0.82]]),
  star: (r) =>
    polygon(Array.from({ length: 10 }, (_, i) => {
      const [angle, reach] = [Math.PI * i / 5, i % 2 === 0 ? r : r * 0.42];
      return [reach * Math.sin(angle), -reach * Math.cos(angle)];
    })),
  cross: (r) => {
    const arm = r * 0.32;
    return polygon([
      [-arm, -r],
      [arm, -r],
      [arm, -arm],
      [r, -arm],
      [r, arm],
      [arm, arm],
      [arm, r],
      [-arm, r],
      [-arm, arm],
      [-r, arm],
      [-r, -arm],
      [-arm, -arm],
    ]);
  },
  heart: (r) => {
    const p = (x: number, y: number) => `${(x * r).toFixed(2)} ${(y * r).toFixed(2)}`;
    return `M${p(0, 0.95)}C${p(-0.35, 0.6)} ${p(-1, 0.25)} ${p(-1, -0.3)}C${p(-1, -0.95)} ${p(-0.25, -1.1)} ${
      p(0, -0.45)
    }` +
      `C${p(0.25, -1.1)} ${p(1, -0.95)} ${p(1, -0.3)}C${p(1, 0.25)} ${p(0.35, 0.6)} ${p(0, 0.95)}Z`;
  },
};

function circle(r: number): string {
  const radius = r.toFixed(2);
  return `M-${radius} 0a${radius} ${radius} 0 1 0 ${(2 * r).toFixed(2)} 0a${radius} ${radius} 0 1 0 ${
    (-2 * r).toFixed(2)
  } 0Z`;
}

function polygon(points: readonly (readonly number[])[]): string {
  return `M${(points as readonly Point[]).map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}Z`;
}
