const FORM = /^\d{4}-\d\d-(\d\d)T\d\d:\d\d:\d\dZ$/;

/** Unix time in ms of an RFC 3339 UTC time of the form `YYYY-MM-DDThh:mm:ssZ`; NaN for any other text. */
export function parseExpiration(text: string): number {
  const day = FORM.exec(text)?.[1];
  if (day === undefined) return Number.NaN;
  const time = Date.parse(text);
  // Date.parse accepts 30 February as a day in March, and 24:00 as the next day. A valid time keeps its day.
  return new Date(time).getUTCDate() === Number(day) ? time : Number.NaN;
}

/** The wire form of a deadline (Unix time in ms, whole seconds). */
export function formatExpiration(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
