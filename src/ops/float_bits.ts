const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of a number as f32, for shaders that read it from among words. */
export function floatBits(value: number): number {
  float[0] = value;
  return bits[0]!;
}
