const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The seconds of a time such as `90s`, `15m`, `2h` or `3d`. Throws a TypeError that begins with the option's name. */
export function secondsOf(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? 0);
  if (!(seconds > 0)) throw new TypeError(`${option}: must be a time such as 90s, 15m, 2h or 3d`);
  return seconds;
}

/** A time in words: its largest unit, rounded, such as `45 s`, `12 minutes` or `2 days`. */
export function wordsOfTime(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}
