/** What people see of a share, as `send` was told. */
export interface DisplayOptions {
  readonly title: string;
  readonly description: string;
  readonly image: string;
}

/** Characters that a relay of default settings takes. */
const MOST_CHARACTERS = { title: 200, description: 500, image: 2048 };

/** The Display Information. Throws a TypeError for what a relay would refuse, before it is asked. */
export function displayOf(options: DisplayOptions): { title: string; description: string; imageURL: string } {
  for (const name of ['title', 'description', 'image'] as const) {
    const { length } = [...options[name]];
    if (length < 1 || length > MOST_CHARACTERS[name]) {
      throw new TypeError(`--${name}: must have 1 to ${MOST_CHARACTERS[name]} characters; it has ${length}`);
    }
  }
  const { title, description, image: imageURL } = options;
  const url = URL.canParse(imageURL) ? new URL(imageURL) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || /[\s\p{Cc}]/u.test(imageURL)) {
    throw new TypeError('--image: must be an https URL');
  }
  return { title, description, imageURL };
}
