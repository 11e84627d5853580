import { z } from 'zod';
import { PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import type { HexColor } from './palette.js';

/** How the page behind a share URL looks, for a person who opens it in a browser. Everything has a default. */
export interface PreviewOptions {
  /** Name of your service, 1 to 60 characters, one of them visible; also the `og:site_name`. Default: none. */
  readonly name?: string | undefined;
  /**
   * Your colour, `#rgb` or `#rrggbb`: of the card and of buttons. Text on it is black or white, whichever reads better.
   * Default `#2f4bd0`.
   */
  readonly color?: string | undefined;
  /**
   * https URL of your logo. The one thing that the page loads, so its host learns that somebody looks, though not at
   * what. Default: none, and a key is drawn.
   */
  readonly logoUrl?: string | undefined;
  /** Where to get an app that takes keys, at most four: a label of 1 to 40 characters and an https URL. Default: none. */
  readonly appStores?: ReadonlyArray<{ readonly label: string; readonly url: string }> | undefined;
  /** The language for readers whose Accept-Language names none of the six. Default `en`. */
  readonly language?: PreviewLanguage | undefined;
}

/** The apps that share URLs open in, as `relay.wellKnown()` tells their systems. */
export interface AppLinkOptions {
  /** iOS and macOS apps by their application identifier, `TEAMID1234.com.example.wallet`. Default: none. */
  readonly apple?: { readonly appIds: readonly string[] } | undefined;
  /**
   * Android apps, by package name and the SHA-256 fingerprints of their signing certificates in the form of keytool,
   * `AB:CD:…`. Default: none.
   */
  readonly android?:
    | ReadonlyArray<{ readonly packageName: string; readonly sha256CertFingerprints: readonly string[] }>
    | undefined;
}

/** The option `preview`, checked and completed. */
export interface PreviewSettings {
  readonly name?: string | undefined;
  readonly color: HexColor;
  /** Normalized, on a host whose name can stand in a Content-Security-Policy. */
  readonly logoUrl?: string | undefined;
  readonly appStores: ReadonlyArray<{ readonly label: string; readonly url: string }>;
  readonly language: PreviewLanguage;
}

/** The option `appLinks`, checked. */
export interface AppLinkSettings {
  readonly appleAppIds: readonly string[];
  readonly androidApps: ReadonlyArray<{
    readonly packageName: string;
    readonly sha256CertFingerprints: readonly string[];
  }>;
}

/** Fillers and the blank pattern of Braille are letters and symbols by their category, and empty to the eye. */
const VISIBLE = /[^\s\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u;

const visibleText = (most: number): z.ZodType<string> =>
  z
    .string('must be a string')
    .refine(
      (text) => VISIBLE.test(text) && [...text].length <= most && !/\p{Cc}/u.test(text),
      `must be 1 to ${most} characters, one of them visible, none of them control characters`,
    );

/** For what is not one; an option that does not exist is told by its name. */
const AN_OBJECT = 'must be an object';

const AN_HTTPS_URL = 'must be an https URL without credentials';

/** An https URL as the parser writes it. White space is refused first: the parser takes some of it out. */
const httpsUrl = z
  .string(AN_HTTPS_URL)
  .refine((text) => !/[\s\p{Cc}]/u.test(text) && URL.canParse(text), { message: AN_HTTPS_URL, abort: true })
  .transform((text) => new URL(text))
  .refine(({ protocol, username, password }) => protocol === 'https:' && username + password === '', AN_HTTPS_URL);

/** What a host-source of CSP can name; a host name may hold `;` and `*`, which would be read as something else there. */
const PLAIN_HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** The option `preview`. */
export const previewOption = z
  .strictObject(
    {
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
    },
    AN_OBJECT,
  )
  .prefault({});

function toSixDigits(color: string): HexColor {
  const digits = color.slice(1).toLowerCase();
  return `#${digits.length === 3 ? digits.replace(/./g, '$&$&') : digits}`;
}

/** `<application identifier prefix>.<bundle identifier>`. */
const APPLE_APP_ID = /^[A-Z0-9]{10}(\.[A-Za-z0-9-]+)+$/;
const ANDROID_PACKAGE = /^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/;
const FINGERPRINT = /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/i;

/** A string of this form; the words are the same for anything else, of whatever type. */
const stringMatching = (form: RegExp, message: string): z.ZodString => z.string(message).regex(form, message);

const appleOption = z.strictObject(
  {
    appIds: z
      .array(stringMatching(APPLE_APP_ID, 'must be such as TEAMID1234.com.example.wallet'), 'must be an array')
      .min(1, 'must name at least one app'),
  },
  AN_OBJECT,
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
  },
  'must have a packageName and sha256CertFingerprints',
);

/** The option `appLinks`. */
export const appLinksOption = z
  .strictObject(
    { apple: appleOption.optional(), android: z.array(androidApp, 'must be an array of apps').optional() },
    AN_OBJECT,
  )
  .transform(
    ({ apple, android }): AppLinkSettings => ({ appleAppIds: apple?.appIds ?? [], androidApps: android ?? [] }),
  )
  .prefault({});
