import { afterAll, beforeAll } from 'vitest';
import { type Backend, type OpenBackend, openBackend, type StoreKind } from '../support/process/backends.js';
import { buildChildProgram, type ChildProgram } from '../support/process/child-program.js';

/** Builds a child program before the tests of a file and removes it after them. Returns its path. */
export function buildInTests(source = 'test/support/process/relay-process.ts'): () => string {
  let program: ChildProgram | undefined;
  beforeAll(async () => {
    program = await buildChildProgram(source);
  });
  afterAll(() => program?.remove());
  return () => (program as ChildProgram).path;
}

/** Runs `use` with a backend of this kind. */
export async function withBackend<Result>(
  kind: StoreKind,
  use: (backend: OpenBackend) => Promise<Result>,
): Promise<Result> {
  const backend = await openBackend(kind);
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** The properties of a backend that a child process needs. */
export const toBackend = ({ kind, url, schema }: OpenBackend): Backend => ({
  kind,
  url,
  ...(schema === undefined ? {} : { schema }),
});
