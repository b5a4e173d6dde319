// The exponential function and what is made of it, four values at a time. The same bits everywhere: additions and multiplications alone.

/** eˣ, within two units in the last place; beyond what float32 holds it stays at the ends of the range. NaN stays NaN. */
@inline
export function exponential(x: v128): v128 {
  // x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts, the first of which is exact when it is multiplied by n. `shift` rounds to a whole number, and
  // leaves it in the lowest bits.
  const shift = f32x4.splat(12582912);
  const within = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-87)), f32x4.splat(88));
  const shifted = f32x4.add(f32x4.mul(within, f32x4.splat(1.44269504)), shift);
  const n = f32x4.sub(shifted, shift);
  let r = f32x4.sub(within, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  // The polynomial of Cephes' expf.
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1));
  const exponent = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
  return f32x4.mul(p, exponent);
}

/** 1 / (1 + e⁻ˣ) */
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}
