/** The modules of a printed QR code, row by row: true is dark. */
export function parseModules(text: string): boolean[][] {
  const rows = text.split('\n').filter((line) => /^[█▀▄ ]+$/.test(line) && line.trim() !== '');
  return rows.flatMap((row) => [
    [...row].map((character) => !'█▀'.includes(character)),
    [...row].map((character) => !'█▄'.includes(character)),
  ]);
}
