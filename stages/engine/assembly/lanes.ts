// Four neighbouring float32 at a time, and fewer at the end of a row.

/** Values at `from`; lanes beyond the first `lanes` are zero. */
@inline
export function loadLanes(from: usize, lanes: i32): v128 {
  return lanes >= 4 ? v128.load(from) : loadSome(from, lanes);
}

@inline
export function storeLanes(to: usize, values: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(to, values);
  else storeSome(to, values, lanes);
}

function loadSome(from: usize, lanes: i32): v128 {
  let values = v128.load_zero<f32>(from);
  if (lanes > 1) values = v128.load_lane<f32>(from, values, 1, 4);
  if (lanes > 2) values = v128.load_lane<f32>(from, values, 2, 8);
  return values;
}

function storeSome(to: usize, values: v128, lanes: i32): void {
  v128.store_lane<f32>(to, values, 0);
  if (lanes > 1) v128.store_lane<f32>(to, values, 1, 4);
  if (lanes > 2) v128.store_lane<f32>(to, values, 2, 8);
}

/** Sum of the four lanes. */
@inline
export function total(values: v128): f32 {
  return (
    f32x4.extract_lane(values, 0) +
    f32x4.extract_lane(values, 1) +
    (f32x4.extract_lane(values, 2) + f32x4.extract_lane(values, 3))
  );
}
