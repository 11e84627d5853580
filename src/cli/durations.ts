const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The seconds of a time such as `90s`, `15m`, `2h` or `3d`. Throws a TypeError that begins with the option's name. */
export function secondsOf(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? 0);
  if (!(seconds > 0)) throw new TypeError(`${option}: must be a time such as 90s, 15m, 2h or 3d`);
  return seconds;
}
