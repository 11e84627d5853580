import { accessSync, appendFileSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT } from '../process/built.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser at CHROMIUM_PATH or in PATH, or `undefined`. */
export function chromiumBinary(): string | undefined {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  if (CHROMIUM_PATH !== undefined) return CHROMIUM_PATH;
  const candidates = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Runs `register` if a browser is installed. Otherwise registers one test, which fails with CI=true, and records that
 * the browser tests did not run. The test run prints this at its end.
 */
export function withChromium(it: (name: string, run: () => void) => void, register: () => void): void {
  if (chromiumBinary() !== undefined) {
    register();
    return;
  }
  it('has a browser to test in', () => {
    const message = 'No browser was exercised. To fix this: apt-get install chromium, or set CHROMIUM_PATH.';
    if (process.env.CI === 'true') throw new Error(message);
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    appendFileSync(join(ROOT, '.cache', 'not-exercised.txt'), `${message}\n`);
  });
}
