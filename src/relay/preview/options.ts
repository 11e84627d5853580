import { z } from 'zod';
import { PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import type { HexColor } from './palette.js';

/** The appearance of the page behind a share URL, for a person who opens it in a browser. */
export interface PreviewOptions {
  /** Name of your service, 1 to 60 characters, at least one visible; also the `og:site_name`. Default: no name. */
  readonly name?: string | undefined;
  /**
   * Colour of the card and the buttons, `#rgb` or `#rrggbb`. The relay selects black or white text for the higher
   * contrast. Default `#2f4bd0`.
   */
  readonly color?: string | undefined;
  /**
   * https URL of your logo. The page loads nothing else. The host of the logo learns that someone opened a page, but
   * not which page. Default: a drawing of a key.
   */
  readonly logoUrl?: string | undefined;
  /** Links to wallet apps, at most four: a label of 1 to 40 characters and an https URL. Default: no links. */
  readonly appStores?: ReadonlyArray<{ readonly label: string; readonly url: string }> | undefined;
  /** The language for an Accept-Language without one of the six languages. Default `en`. */
  readonly language?: PreviewLanguage | undefined;
}

/** The kind of credential in a share URL: `a` general access (or no `v`), `h` home, `c` car (SCT and TIGRESS §6). */
export type LinkVertical = 'a' | 'h' | 'c';

/** iOS and macOS apps of {@link AppLinkOptions}. */
export interface AppleAppLinks {
  /** Application identifiers, such as `TEAMID1234.com.example.wallet`. */
  readonly appIds: readonly string[];
  /** As {@link AndroidAppLinks.verticals}. */
  readonly verticals?: readonly LinkVertical[] | undefined;
}

/** An Android app of {@link AppLinkOptions}. */
export interface AndroidAppLinks {
  readonly packageName: string;
  /** SHA-256 fingerprints of the signing certificates as keytool prints them, `AB:CD:…`. */
  readonly sha256CertFingerprints: readonly string[];
  /**
   * The links that the app opens, by their `v`: `['c']` for a car app. Android heeds it since version 15. Default: the
   * verticals that no other app of the platform names.
   */
  readonly verticals?: readonly LinkVertical[] | undefined;
}

/** The apps that open share URLs. `relay.wellKnown()` serves the documents that iOS and Android require. */
export interface AppLinkOptions {
  /** iOS and macOS apps; an array for apps with different verticals. Default: no apps. */
  readonly apple?: AppleAppLinks | readonly AppleAppLinks[] | undefined;
  /** Android apps. Default: no apps. */
  readonly android?: readonly AndroidAppLinks[] | undefined;
}

/** The option `preview` with its defaults. */
export interface PreviewSettings {
  readonly name?: string | undefined;
  readonly color: HexColor;
  /** Normalized. The host name is valid in a Content-Security-Policy. */
  readonly logoUrl?: string | undefined;
  readonly appStores: ReadonlyArray<{ readonly label: string; readonly url: string }>;
  readonly language: PreviewLanguage;
}

/** The option `appLinks` with its defaults. */
export interface AppLinkSettings {
  readonly apple: readonly AppleAppLinks[];
  readonly android: readonly AndroidAppLinks[];
}

/** Unicode classifies fillers and the blank Braille pattern as letters and symbols, but they are invisible. */
const VISIBLE = /[^\s\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u;

const visibleText = (maximum: number): z.ZodType<string> =>
  z
    .string('must be a string')
    .refine(
      (text) => VISIBLE.test(text) && [...text].length <= maximum && !/\p{Cc}/u.test(text),
      `must be 1 to ${maximum} characters, one of them visible, none of them control characters`,
    );

const AN_HTTPS_URL = 'must be an https URL without credentials';

/** A normalized https URL. The check for white space comes first, since the URL parser removes some of it. */
const httpsUrl = z
  .string(AN_HTTPS_URL)
  .refine((text) => !/[\s\p{Cc}]/u.test(text) && URL.canParse(text), { message: AN_HTTPS_URL, abort: true })
  .transform((text) => new URL(text))
  .refine(({ protocol, username, password }) => protocol === 'https:' && username + password === '', AN_HTTPS_URL);

/** A host name that is valid in a Content-Security-Policy. `;` and `*` have another meaning there. */
const PLAIN_HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** The option `preview`. */
export const previewOption = z
  .strictObject({
    name: visibleText(60).optional(),
    color: z
      .string('must be a colour such as #2f4bd0')
      .regex(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i, 'must be a colour such as #2f4bd0')
      .default('#2f4bd0')
      .transform(toSixDigits),
    logoUrl: httpsUrl
      .refine(({ hostname }) => PLAIN_HOST.test(hostname), 'must be on a host with a plain name')
      .transform(({ href }) => href)
      .optional(),
    appStores: z
      .array(
        z.strictObject(
          { label: visibleText(40), url: httpsUrl.transform(({ href }) => href) },
          'must have a label and a url',
        ),
        'must be an array of links',
      )
      .max(4, 'must be at most four')
      .default([]),
    language: z.enum(PREVIEW_LANGUAGES, `must be one of ${PREVIEW_LANGUAGES.join(', ')}`).default('en'),
  })
  .prefault({});

function toSixDigits(color: string): HexColor {
  const digits = color.slice(1).toLowerCase();
  return `#${digits.length === 3 ? digits.replace(/./g, '$&$&') : digits}`;
}

/** `<application identifier prefix>.<bundle identifier>`. */
const APPLE_APP_ID = /^[A-Z0-9]{10}(\.[A-Za-z0-9-]+)+$/;
const ANDROID_PACKAGE = /^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/;
const FINGERPRINT = /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/i;

/** A string that matches the expression, with one message for all other values. */
const stringMatching = (form: RegExp, message: string): z.ZodString => z.string(message).regex(form, message);

const LINK_VERTICALS = ['a', 'h', 'c'] as const;

const verticals = z
  .array(z.enum(LINK_VERTICALS, 'must be a, h or c'), 'must be an array of verticals')
  .min(1, 'must name at least one vertical')
  .optional();

const appleApps = z.strictObject({
  appIds: z
    .array(stringMatching(APPLE_APP_ID, 'must be such as TEAMID1234.com.example.wallet'), 'must be an array')
    .min(1, 'must name at least one app'),
  verticals,
});

const appleOption = z.union(
  [appleApps.transform((apps) => [apps]), z.array(appleApps)],
  'must be an object with appIds, or an array of such objects',
);

const androidApp = z.strictObject(
  {
    packageName: stringMatching(ANDROID_PACKAGE, 'must be such as com.example.wallet'),
    sha256CertFingerprints: z
      .array(
        stringMatching(FINGERPRINT, 'must be 32 bytes in hexadecimal with colons between them').toUpperCase(),
        'must be an array',
      )
      .min(1, 'must hold at least one fingerprint'),
    verticals,
  },
  'must have a packageName and sha256CertFingerprints',
);

/** The option `appLinks`. */
export const appLinksOption = z
  .strictObject({ apple: appleOption.optional(), android: z.array(androidApp, 'must be an array of apps').optional() })
  .transform(({ apple = [], android = [] }): AppLinkSettings => ({ apple, android }))
  .prefault({});
