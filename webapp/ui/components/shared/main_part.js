// @ts-check
// What is seen of a map at first: the largest island, and others as long as they don't shrink it more than they add.

/** @typedef {{left: number, right: number, low: number, high: number, size: number}} Box */

const LEAST_SPAN = 1e-6;
const WORTH = 3; // an island with a tenth as many points may make the picture three tenths smaller

/**
 * How many pixels a unit of the map takes where `box` just fits.
 * @param {Box} box
 * @param {number} width
 * @param {number} height
 */
export function scaleOf(box, width, height) {
  return Math.min(width / Math.max(box.right - box.left, LEAST_SPAN), height / Math.max(box.high - box.low, LEAST_SPAN));
}

/**
 * The box of `islands` (the largest first) that a picture of `width` × `height` pixels shows at first.
 * @param {Box[]} islands
 * @param {number} width
 * @param {number} height
 */
export function mainPart(islands, width, height) {
  let [seen] = islands;
  for (const island of islands.slice(1)) {
    const wider = {
      left: Math.min(seen.left, island.left),
      right: Math.max(seen.right, island.right),
      low: Math.min(seen.low, island.low),
      high: Math.max(seen.high, island.high),
      size: seen.size + island.size,
    };
    const smaller = scaleOf(seen, width, height) / scaleOf(wider, width, height);
    if (smaller <= 1 + (WORTH * island.size) / seen.size) seen = wider;
  }
  return seen;
}

/**
 * The box around nearly all values; outliers don't decide what is seen first.
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @param {number} outside share of the values that may lie outside on each side
 * @returns {Box}
 */
export function boxOf(x, y, outside) {
  const [left, right] = extent(x, outside);
  const [low, high] = extent(y, outside);
  return { left, right, low, high, size: x.length };
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} outside
 */
function extent(values, outside) {
  const sorted = Float32Array.from(values).sort();
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return [at(outside), at(1 - outside)];
}
