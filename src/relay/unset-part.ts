/** The message for a URL or a header that {@link hasUnsetPart}. */
export const UNSET_PART = 'has the text undefined, null or NaN as a part: is the environment variable set?';

/** True for text made of a value that is not there, such as `https://${process.env.HOST}/relay` without `HOST`. */
export function hasUnsetPart(text: string): boolean {
  return /(^|[^\w-])(undefined|null|NaN)([^\w-]|$)/.test(text);
}
