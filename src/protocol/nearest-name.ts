/** The name that a misspelt name most probably means; `undefined` if no name is near. */
export function findNearestName(name: string, known: readonly string[]): string | undefined {
  const given = name.toLowerCase();
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = countEdits(given, candidate.toLowerCase());
    // A third of the letters: `maxSeconds` means `maximumSeconds`, and `prefix` does not mean `preview`.
    if (distance < least && distance <= Math.max(given.length, candidate.length) / 3) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest ?? known.find((candidate) => isStart(given, candidate.toLowerCase()));
}

/** True for a shortened name, such as `logo` of `logoUrl`, and for a lengthened one. */
function isStart(one: string, other: string): boolean {
  return Math.min(one.length, other.length) >= 3 && (one.startsWith(other) || other.startsWith(one));
}

/** The Levenshtein distance: the fewest insertions, deletions and replacements of a letter. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
