/** The modules of the QR code in what a terminal shows, row by row: true is dark. */
export function modulesIn(text: string): boolean[][] {
  const rows = text.split('\n').filter((line) => /^[█▀▄ ]+$/.test(line) && line.trim() !== '');
  return rows.flatMap((row) => [
    [...row].map((character) => !'█▀'.includes(character)),
    [...row].map((character) => !'█▄'.includes(character)),
  ]);
}
