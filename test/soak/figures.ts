/** The value at a quantile, 0 to 1; 0 for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Times in ms, as text. */
export const formatTimes = (times: readonly number[]): string =>
  `p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms, ` +
  `longest ${quantile(times, 1).toFixed(1)} ms`;

/** The time since `began` of `performance.now()`, as text. */
export const formatSeconds = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
