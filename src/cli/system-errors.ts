/** What the codes of the operating system mean to people; the code itself is told besides. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'not allowed',
  EADDRINUSE: 'another process listens there already',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link, or too many of them',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'no space is left',
  ENOTDIR: 'a part of the path is no folder',
  ENOTFOUND: 'there is no such name',
  EPERM: 'not allowed',
  EROFS: 'nothing can be written there',
};

/** What has failed in the words of the system, without the path or name that it was about; `undefined` if it was not the system. */
export function wordsOfSystemError(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  if (typeof code !== 'string' || typeof syscall !== 'string') return undefined;
  const words = WORDS[code];
  return words === undefined ? `${syscall} failed (${code})` : `${words} (${code})`;
}
