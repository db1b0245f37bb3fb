/** Typefaces of the judge's pictures. None is used in training; all come with Debian. */
export interface Typeface {
  readonly family: string;
  readonly package: string;
  /** Widths in em that no digit and hardly a capital exceeds on average, in the boldest weight used. */
  readonly digitWidth: number;
  readonly capitalWidth: number;
  readonly weights: readonly number[];
}

function typeface(
  family: string,
  source: string,
  widths: readonly [number, number],
  ...weights: number[]
): Typeface {
  return { family, package: source, digitWidth: widths[0], capitalWidth: widths[1], weights };
}

export const typefaces: readonly Typeface[] = [
  typeface("Cantarell", "fonts-cantarell", [0.63, 0.74], 400, 700, 800),
  typeface("Quicksand", "fonts-quicksand", [0.63, 0.74], 500, 700),
  typeface("Carlito", "fonts-crosextra-carlito", [0.54, 0.64], 400, 700),
  typeface("Caladea", "fonts-crosextra-caladea", [0.6, 0.74], 400, 700),
  typeface("Nimbus Sans", "fonts-urw-base35", [0.6, 0.76], 400, 700),
  typeface("Nimbus Roman", "fonts-urw-base35", [0.54, 0.76], 400, 700),
  typeface("Nimbus Mono PS", "fonts-urw-base35", [0.62, 0.62], 700),
  typeface("URW Gothic", "fonts-urw-base35", [0.6, 0.8], 400, 600),
  typeface("URW Bookman", "fonts-urw-base35", [0.68, 0.8], 300, 600),
  typeface("C059", "fonts-urw-base35", [0.6, 0.8], 400, 700),
  typeface("P052", "fonts-urw-base35", [0.54, 0.78], 400, 700),
  typeface("Comfortaa", "fonts-comfortaa", [0.68, 0.8], 400, 700),
  typeface("EB Garamond", "fonts-ebgaramond", [0.56, 0.76], 400, 700),
  typeface("Inconsolata", "fonts-inconsolata", [0.52, 0.52], 500),
];

/** Height of digits and capitals in em, about the same in all of them. */
export const capitalHeight = 0.68;

/** About how wide a text is at this height of its capitals; wider than it will be, so that nothing is cut off. */
export function widthOf(text: string, { digitWidth, capitalWidth }: Typeface, height: number): number {
  const em = height / capitalHeight;
  return em * [...text].reduce((sum, letter) => {
    const width = /\d/.test(letter) ? digitWidth : letter === "I" ? 0.4 : capitalWidth;
    return sum + width * (/[MW]/.test(letter) ? 1.25 : 1);
  }, 0);
}
