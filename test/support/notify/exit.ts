import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'tsup';
import { LOCALHOST } from '../network/tls.js';
import { ROOT } from '../process/built.js';

/** The exit code and the output of a process. */
export interface Exit {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a program in its own process, and resolves when the process has ended. Kills a process that a handle keeps open
 * after `limitMs`, with the code null. The program is TypeScript and may import the adapters as
 * `ADAPTERS/NAME/index.js`. `process.env.INPUT` holds `input` as JSON, next to the tests' certificate.
 */
export async function runProgram(program: string, input: unknown, limitMs = 5_000): Promise<Exit> {
  // Below the root, so that Node resolves packages.
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache', 'push-'));
  try {
    const source = join(folder, 'program.ts');
    writeFileSync(source, program.replaceAll('ADAPTERS', join(ROOT, 'adapters/notify')));
    await build({
      entry: [source],
      outDir: folder,
      format: 'esm',
      target: 'node20.19',
      config: false,
      silent: true,
      dts: false,
      external: [/^[a-z@]/],
      clean: false,
      outExtension: () => ({ js: '.mjs' }),
    });
    return await runNode(join(folder, 'program.mjs'), input, limitMs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runNode(file: string, input: unknown, timeout: number): Promise<Exit> {
  const env = { ...process.env, INPUT: JSON.stringify(input), CA: LOCALHOST.cert };
  const child = spawn(process.execPath, [file], { env, timeout, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
