import { UsageError } from '../model/halt.ts';
import type { SourceFiles } from './read-file.ts';
import { Mapping } from './value.ts';
import type { Variable } from './value.ts';

/** All `-e` in order, later ones win. `absolute` turns the file of `@FILE` into a path from the working folder. */
export function extraVariables(options: readonly string[], files: SourceFiles, absolute: (path: string) => string): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const option of options) {
    if (option === '') continue;
    for (const [name, variable] of parsed(option, files, absolute)) variables.set(name, variable);
  }
  return variables;
}

function parsed(option: string, files: SourceFiles, absolute: (path: string) => string): Iterable<[string, Variable]> {
  if (option.startsWith('@')) return rows(files.value(absolute(option.slice(1))), option);
  if (option.startsWith('/') || option.startsWith('.')) throw new UsageError(`-e ${option}: a file needs an @ before its name`, `Write -e @${option}`);
  if (option.startsWith('{') || option.startsWith('[')) return rows(files.parse(option, '-e'), option);
  return pairs(option);
}

function rows(value: unknown, option: string): Iterable<[string, Variable]> {
  if (!(value instanceof Mapping)) {
    const said = option.startsWith('@') ? option : 'the YAML or JSON';
    throw new UsageError(`-e: ${said} must be a mapping of variables`, "Write for example -e '{vault_key_shares: 5}'");
  }
  return [...value.entries].map(([name, entry]) => [name, { value: entry.value, place: value.place(name) }] as const) as [string, Variable][];
}

/** `a=5 b="two words"`: every value is text; words without = are kept under `_raw_params`, as in Ansible. */
function pairs(option: string): [string, Variable][] {
  const place = { file: '-e' };
  const raw: string[] = [];
  const found: [string, Variable][] = [];
  for (const word of words(option)) {
    const plain = unescaped(word);
    const at = /(?<=[^\\])=/.exec(plain)?.index;
    if (at === undefined) raw.push(plain.includes('=') ? plain.replaceAll('\\=', '=') : word);
    else found.push([plain.slice(0, at).trim(), { value: unquoted(plain.slice(at + 1).trim()), place }]);
  }
  if (raw.length > 0) found.push(['_raw_params', { value: raw.join(' '), place }]);
  return found;
}

/** Splits at white space outside quotes and outside {{ }}. */
function words(text: string): string[] {
  const found: string[] = [];
  let word = '';
  let quote = '';
  let braces = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (quote === '' && braces === 0 && /\s/.test(sign)) {
      if (word !== '') found.push(word);
      word = '';
      continue;
    }
    if (quote === '' && text.startsWith('{{', at)) braces += 1;
    if (quote === '' && text.startsWith('}}', at)) braces = Math.max(0, braces - 1);
    if (braces === 0 && (sign === '"' || sign === "'") && text[at - 1] !== '\\') quote = quote === '' ? sign : quote === sign ? '' : quote;
    word += sign;
  }
  if (quote !== '' || braces !== 0) throw new UsageError(`-e: a ${quote === '' ? '{{' : 'quotation mark'} is not closed`, 'Quote the whole option for the shell, and each value within it.');
  if (word !== '') found.push(word);
  return found;
}

function unquoted(text: string): string {
  const first = text[0];
  return text.length > 1 && (first === '"' || first === "'") && text.endsWith(first) && text.at(-2) !== '\\' ? text.slice(1, -1) : text;
}

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescaped(text: string): string {
  return text.replace(/\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\\'"abfnrtv]))/g, (_, long?: string, short?: string, byte?: string, one?: string) => {
    const code = long ?? short ?? byte;
    return code === undefined ? escapes[one!] ?? one! : String.fromCodePoint(Math.min(0x10FFFF, Number.parseInt(code, 16)));
  });
}
