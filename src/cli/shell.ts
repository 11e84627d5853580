/** A word that stands for itself in a POSIX shell, whatever it holds (POSIX Shell Command Language §2.2.2). */
export function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The line that calls this command with these words, for people to paste into a POSIX shell. */
export function commandLine(...words: readonly string[]): string {
  return ['credential-relay', ...words].map((word) => (/^[\w-]+$/.test(word) ? word : shellQuoted(word))).join(' ');
}
