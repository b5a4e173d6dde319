// Seeded random numbers: mulberry32 (public domain, T. Ettinger), and normal ones by the Box-Muller transform.
export function makeRandom(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const shuffle = (list) => {
    for (let last = list.length - 1; last > 0; last--) {
      const other = Math.floor(uniform() * (last + 1));
      [list[last], list[other]] = [list[other], list[last]];
    }
    return list;
  };
  return { uniform, normal, shuffle };
}
