import { chmod, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { CommandFailure, naming } from './errors.js';
import { isOfAnother, isOpenToOthers } from './private-file.js';

const NAME = '--state (or RELAY_STATE)';

/**
 * Makes a folder that only this user can write to, or checks the one that is there: it is closed to others if all that
 * is in it is ours. Throws a {@link CommandFailure} for a folder of another user, and for one that others can write to
 * and that holds other things.
 */
export async function makePrivate(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  await naming(NAME, mkdir(folder, { recursive: true, mode: 0o700 }));
  await demandPrivate(folder, (names) => names.every(isOurs));
}

/** Checks a folder as {@link makePrivate} does; resolves to false if there is none. */
export async function isPrivateFolder(folder: string, isOurs: (name: string) => boolean): Promise<boolean> {
  const isThere = await naming(
    NAME,
    lstat(folder)
      .then(() => true)
      .catch(orAbsent),
  );
  // An empty one is nobody's: it stays as it is until something is kept in it.
  if (isThere) await demandPrivate(folder, (names) => names.length > 0 && names.every(isOurs));
  return isThere;
}

async function demandPrivate(folder: string, mayClose: (names: readonly string[]) => boolean): Promise<void> {
  // The owner of a link decides where it leads.
  const [there, link] = await naming(NAME, Promise.all([stat(folder), lstat(folder)]));
  if (!there.isDirectory()) throw refused('is no folder');
  if (isOfAnother(there) || isOfAnother(link)) throw refused('belongs to another user; name a folder of your own');
  const names = await naming(NAME, readdir(folder));
  if (mayClose(names)) await chmod(folder, 0o700).catch(() => {});
  if (isOpenToOthers(await naming(NAME, stat(folder)))) {
    throw refused(
      'is a folder that other users can write to; name one of your own, or take that right away (chmod go-w)',
    );
  }
}

function orAbsent(error: NodeJS.ErrnoException): false {
  if (error.code === 'ENOENT') return false;
  throw error;
}

const refused = (why: string): CommandFailure =>
  new CommandFailure(1, 'io', `${NAME}: ${why}. What is in there may be from somebody else, and nothing was sent.`);
