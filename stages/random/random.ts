// Seeded random numbers: the same on every machine, and addressable. A stream is named by a seed and by what it is for ("shuffle", epoch 3), so
// that training may stop and go on anywhere without keeping a generator's state.

/** A stream of random numbers. */
export interface Random {
  /** A 32-bit unsigned integer, uniformly distributed. */
  readonly next: () => number;
  /** Uniform in [0, 1), with 32 bits. */
  readonly uniform: () => number;
  /** Uniform integer in [0, bound). */
  readonly integer: (bound: number) => number;
  /** Standard normal, by the polar method of Marsaglia. */
  readonly normal: () => number;
}

/** The stream of a seed and a purpose: `randomOf(77, 'shuffle', epoch)`. */
export function randomOf(seed: number, ...purpose: readonly (string | number)[]): Random {
  return sfc32(hash(`${seed}/${purpose.join('/')}`));
}

/** FNV-1a with the finalizer of MurmurHash3, once for each word of the state. */
function hash(text: string): readonly [number, number, number, number] {
  const word = (salt: number): number => {
    let value = (0x811c9dc5 ^ salt) >>> 0;
    for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
    value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
    value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
    return (value ^ (value >>> 16)) >>> 0;
  };
  return [word(1), word(2), word(3), word(4)];
}

/** Small Fast Counter (Doty-Humphrey, PractRand), 32 bits wide. */
function sfc32([a0, b0, c0, d0]: readonly [number, number, number, number]): Random {
  let a = a0;
  let b = b0;
  let c = c0;
  let counter = d0;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  const uniform = (): number => next() / 0x1_0000_0000;
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const square = x * x + y * y;
      if (square === 0 || square >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      spare = y * scale;
      return x * scale;
    }
  };
  return { next, uniform, integer: (bound) => Math.floor(uniform() * bound), normal };
}

/** A permutation of 0 … count−1 (Fisher–Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random.integer(index + 1);
    const kept = order[index]!;
    order[index] = order[other]!;
    order[other] = kept;
  }
  return order;
}
