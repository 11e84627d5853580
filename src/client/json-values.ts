/** The client cuts longer texts of a response off after so many characters. */
const MAXIMUM_TEXT_CHARACTERS = 4096;

/** A text of a response, cut off at the maximum length; empty for a value of another type. */
export function parseText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAXIMUM_TEXT_CHARACTERS) : '';
}

/** A time of a response in the form `YYYY-MM-DDThh:mm:ssZ`; `undefined` for any other value. */
export function parseWireTime(value: unknown): string | undefined {
  const text = parseText(value);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && Date.parse(text) ? text : undefined;
}

/** An https URL of a response; empty for any other value, because no app should load an image without TLS. */
export function parseHttpsUrl(value: unknown): string {
  const text = parseText(value);
  return /^https:\/\/\S{1,4000}$/i.test(text) ? text : '';
}

/** The members of a JSON object; no members if the text is not a JSON object. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
