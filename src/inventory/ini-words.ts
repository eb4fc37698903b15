/** The line cannot be split; the message says why without showing it. */
export class BadQuotes extends Error {}

/**
 * The words of a host line, as Python's `shlex.split(line, comments=True)` makes them: quotes group, a backslash keeps
 * the next sign, and `#` begins a comment wherever it stands outside quotes, also within a word.
 */
export function iniWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at]!;
    if (sign === '#') break;
    if (/[ \t\r\n]/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (sign === '\\') {
      at += 1;
      if (at >= line.length) throw new BadQuotes('nothing follows the backslash at the end');
      word = (word ?? '') + line[at]!;
    } else if (sign === '"' || sign === "'") {
      const quoted = quotedPart(line, at);
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else word = (word ?? '') + sign;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** From the quotation mark at `begin` to the one that closes it at `end`. */
function quotedPart(line: string, begin: number): { text: string; end: number } {
  const quote = line[begin]!;
  let text = '';
  for (let at = begin + 1; at < line.length; at += 1) {
    const sign = line[at]!;
    if (sign === quote) return { text, end: at };
    const next = line[at + 1];
    if (quote === '"' && sign === '\\' && next !== undefined) {
      text += next === '"' || next === '\\' ? next : `\\${next}`;
      at += 1;
    } else text += sign;
  }
  throw new BadQuotes(`a ${quote === '"' ? 'double' : 'single'} quotation mark is not closed`);
}
