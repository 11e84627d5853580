import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { SqliteDatabase } from '../../../adapters/store/sqlite/index.js';

/** A database that a host opened. */
export type HostDatabase = SqliteDatabase & { close(): void };

const Libsql = createRequire(import.meta.url)('libsql') as new (path: string) => HostDatabase;

export const hostDatabase = (path: string): HostDatabase => new Libsql(path);

const folders: string[] = [];

/** Creates a temporary folder, which is removed after the test file. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'relay-sqlite-'));
  if (folders.push(folder) === 1) {
    afterAll(() => {
      for (const each of folders) rmSync(each, { recursive: true, force: true });
    });
  }
  return folder;
}

/** Moves a file and puts a folder in its place. The returned function restores the file. */
export function replaceByFolder(file: string): () => void {
  renameSync(file, `${file}.away`);
  mkdirSync(file);
  return () => {
    rmdirSync(file);
    renameSync(`${file}.away`, file);
  };
}

/** A new revision, 16 characters. */
export const newRevision = (): string => randomBytes(12).toString('base64url');

/** A value as the relay stores it: a new revision, then the rest. */
export const newValue = (rest: string = randomUUID()): string => `${newRevision()}.${rest}`;

/** A deadline after the end of the test. */
export const farDeadline = (): number => Date.now() + 600_000;

export const readRevision = (value: unknown): string => String(value).slice(0, 16);
