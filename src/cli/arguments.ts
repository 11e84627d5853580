import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Vertical } from '../client/index.js';
import { parseBase } from '../client/links.js';
import { isLoopbackName } from '../protocol/loopback.js';
import { findNearestName } from '../protocol/nearest-name.js';

type Options = NonNullable<ParseArgsConfig['options']>;

type Parsed<Known extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; allowNegative: true; options: Known }>
>;

/** An option or command name that a message may repeat. Links, Secrets and passwords do not match. */
const PLAIN_NAME = /^(?=.{1,20}$)-{0,2}[a-z]+(?:-[a-z]+)*$/;

/** Bytes of the largest `--limit`: the client reads no larger answer, so nobody could receive a larger body. */
const MAXIMUM_BODY_BYTES = 4_194_304;

/** Bytes of the smallest `--limit`, as `maximumBodyBytes` of a sender. */
const MINIMUM_BODY_BYTES = 1024;

/** Ten thousand days. The client takes times below 1e9 seconds. */
const MAXIMUM_SECONDS = 10_000 * 86_400;

/** Characters of the Display Information that a relay accepts by default. */
const MAXIMUM_CHARACTERS = { title: 200, description: 500, image: 2048 };

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function argsBeforeDoubleDash(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return end === -1 ? args : args.slice(0, end);
}

/**
 * Parses options, and one argument per name. Throws a TypeError for a missing or extra argument. No message repeats an
 * argument or a value, because a link contains its Secret.
 */
export function parseArguments<Known extends Options>(
  args: readonly string[],
  names: readonly string[],
  options: Known,
): Pick<Parsed<Known>, 'values' | 'positionals'> {
  const { values, positionals } = parseStrictly(args, options);
  if (positionals.length > names.length) {
    const accepted = names.length === 0 ? 'no arguments' : `only ${names.join(' ')}`;
    throw new TypeError(`argument ${names.length + 1} is unexpected: this command takes ${accepted}; see --help`);
  }
  const missing = names[positionals.length];
  if (missing !== undefined) throw new TypeError(`${missing} is missing; see --help`);
  return { values, positionals };
}

function parseStrictly<Known extends Options>(args: readonly string[], options: Known): Parsed<Known> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, allowNegative: true, options });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
    throw new TypeError(describeUnknownOption(args, options), { cause: error });
  }
}

/** Describes the first unknown option. The message of Node would repeat the argument with its value. */
function describeUnknownOption(args: readonly string[], options: Options): string {
  const { tokens } = parseArgs({ args: [...args], allowPositionals: true, strict: false, options, tokens: true });
  const isUnknown = (name: string): boolean =>
    !Object.hasOwn(options, name) && !Object.hasOwn(options, name.replace(/^no-/, ''));
  const index = tokens.find((token) => token.kind === 'option' && isUnknown(token.name))?.index ?? 0;
  const [name = ''] = (args[index] ?? '').split('=');
  const isPlain = PLAIN_NAME.test(name);
  const nearest = isPlain ? findNearestName(name.replace(/^-+/, ''), Object.keys(options)) : undefined;
  if (nearest !== undefined) return `unknown option ${name}; did you mean --${nearest}?`;
  const subject = isPlain ? `unknown option ${name}` : `argument ${index + 1} is an unknown option`;
  return `${subject}; see --help, and write -- before an argument that begins with -`;
}

export function describeUnknownCommand(name: string): string {
  const subject = PLAIN_NAME.test(name) ? `unknown command ${name}` : 'the first argument is not a command';
  const hint = name.includes('://') ? 'a link follows receive, wait or cancel; ' : '';
  return `${subject}; ${hint}see credential-relay --help`;
}

/** The seconds of a duration such as `90s`, `15m`, `2h` or `3d`. Throws a TypeError. */
export function parseDuration(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  if (!(seconds > 0)) throw new TypeError(`${option}: must be a duration such as 90s, 15m, 2h or 3d`);
  if (seconds > MAXIMUM_SECONDS) throw new TypeError(`${option}: must be at most ${MAXIMUM_SECONDS / 86_400}d`);
  return seconds;
}

/** The URL of `--relay`. Throws a TypeError that names the fix, and does not repeat the URL. */
export function parseRelayUrl(relay: string | undefined): string {
  if (relay === undefined || relay === '') throw new TypeError('--relay: is required, or RELAY_URL');
  const [, host] = /^(\[[\d:a-f]+\]|[\w.-]+)(:\d+)?(\/|$)/i.exec(relay) ?? [];
  if (host !== undefined) {
    throw new TypeError(`--relay: must be a URL; write ${isLoopbackName(host) ? 'http' : 'https'}:// before it`);
  }
  if (/[?#]/.test(relay))
    throw new TypeError('--relay: must have no ? and no #; give the URL of the relay, not a link');
  if (parseBase(relay) === undefined) {
    throw new TypeError(
      '--relay: must be an https URL (http on loopback names), with a path of letters, digits and -._~',
    );
  }
  return relay;
}

export interface DisplayOptions {
  readonly title: string;
  readonly description: string;
  readonly image: string;
}

/** Throws a TypeError for Display Information that a relay would refuse. */
export function parseDisplayOptions(options: DisplayOptions): { title: string; description: string; imageURL: string } {
  for (const name of ['title', 'description', 'image'] as const) {
    const { length } = [...options[name]];
    if (length < 1 || length > MAXIMUM_CHARACTERS[name]) {
      throw new TypeError(`--${name}: must have 1 to ${MAXIMUM_CHARACTERS[name]} characters; it has ${length}`);
    }
  }
  const { title, description, image: imageURL } = options;
  const url = URL.canParse(imageURL) ? new URL(imageURL) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || /[\s\p{Cc}]/u.test(imageURL)) {
    throw new TypeError('--image: must be an https URL');
  }
  return { title, description, imageURL };
}

export function parseByteLimit(text: string): number {
  const bytes = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (bytes >= MINIMUM_BODY_BYTES && bytes <= MAXIMUM_BODY_BYTES) return bytes;
  throw new TypeError(
    `--limit: must be a number of bytes, at least ${MINIMUM_BODY_BYTES} and at most ${MAXIMUM_BODY_BYTES}`,
  );
}

export function parseVertical(vertical: string | undefined): Vertical | undefined {
  if (vertical === undefined || vertical === 'h' || vertical === 'c' || vertical === 'a') return vertical;
  throw new TypeError('--vertical: must be h, c or a');
}
