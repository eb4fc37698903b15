/** Host keys of an inventory: `node[01:05].example.com:2222`, as Ansible's parse_address and ranges take them. */

const numericRange = String.raw`\[(?:[0-9]+:[0-9]+)(?::[0-9]+)?\]`;
const hexRange = String.raw`\[(?:[0-9a-f]+:[0-9a-f]+)(?::[0-9]+)?\]`;
const mixedRange = String.raw`\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`;
const six = String.raw`(?:[0-9a-f]{1,4}|${hexRange})`;
const four = String.raw`(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|${numericRange})`;
const word = String.raw`[\p{L}\p{N}_]`;
const label = String.raw`(?:${word}|${mixedRange})(?:[\p{L}\p{N}_\-]|${mixedRange})*(?<![_\-])`;
const bracketedPort = /^\[(.+)\]:([0-9]+)$/;
const plainPort = /^((?:[^:[\]]|\[[^\]]*\])*):([0-9]+)$/;
const forms = [
  new RegExp(String.raw`^(?:${four}\.){3}${four}$`, 'iu'),
  new RegExp(`^(?:${[
    `(?:${six}:){7}${six}`, `(?:${six}:){1,6}:`, ...[1, 2, 3, 4, 5, 6].map((left) => `(?:${six}:){${left}}(?::${six}){1,${7 - left}}`),
    `:(?::${six}){1,6}`, `${six}?::`, String.raw`::(?:ffff:)?(?:${six}\.){3}${six}`,
  ].join('|')})$`, 'iu'),
  new RegExp(String.raw`^${label}(?:\.${label})*$`, 'iu'),
];
const hostsLimit = 100_000;

/** The key is not one that names hosts; the message says why. */
export class BadHostPattern extends Error {}

export interface NamedHosts {
  readonly names: readonly string[];
  /** Undefined where none is given, or 0. */
  readonly port: number | undefined;
}

export function expandHosts(pattern: string): NamedHosts {
  const { address, port } = splitPort(pattern);
  if (port !== undefined && port > 65_535) throw new BadHostPattern(`port ${port} is above 65535`);
  return { names: [...ranges(address, 0)], port: port === 0 ? undefined : port };
}

/** One host without ranges, as in `-i host1,host2:22`. */
export function parseAddress(text: string): { readonly host: string; readonly port: number | undefined } {
  const { address, port } = splitPort(text);
  return address.includes('[') ? { host: text, port: undefined } : { host: address, port: port === 0 ? undefined : port };
}

/** Ansible takes a text whose address it does not recognise as a name, port and all. */
function splitPort(pattern: string): { address: string; port: number | undefined } {
  const found = bracketedPort.exec(pattern) ?? plainPort.exec(pattern);
  const address = found?.[1] ?? pattern;
  if (!forms.some((form) => form.test(address))) return { address: pattern, port: undefined };
  return { address, port: found?.[2] === undefined ? undefined : Number(found[2]) };
}

function ranges(text: string, before: number): string[] {
  if (!text.includes('[')) return [text];
  const [head = '', inner, tail, ...more] = text.replace('[', '|').replace(']', '|').split('|');
  if (inner === undefined || tail === undefined || more.length > 0) throw new BadHostPattern('a range is written [BEGIN:END] or [BEGIN:END:STEP]');
  const names: string[] = [];
  for (const part of sequence(inner)) {
    names.push(...ranges(`${head}${part}${tail}`, before + names.length));
    if (before + names.length > hostsLimit) throw new BadHostPattern(`it names more than ${hostsLimit} hosts`);
  }
  return names;
}

function sequence(inner: string): string[] {
  const bounds = inner.split(':');
  if (bounds.length !== 2 && bounds.length !== 3) throw new BadHostPattern(`[${inner}] is not a range: write [BEGIN:END] or [BEGIN:END:STEP]; an IPv6 address needs a port after its brackets, or none of them`);
  const begin = bounds[0] === '' ? '0' : bounds[0]!;
  const end = bounds[1]!;
  const step = Number(bounds[2] ?? '1');
  if (end === '') throw new BadHostPattern(`the range [${inner}] has no end`);
  if (!Number.isInteger(step) || step < 1) throw new BadHostPattern(`the step of [${inner}] must be 1 or more`);
  const padded = begin.length > 1 && begin.startsWith('0');
  if (padded && begin.length !== end.length) throw new BadHostPattern(`begin and end of [${inner}] must have the same number of digits`);
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const alphabetic = begin.length === 1 && end.length === 1 && letters.includes(begin) && letters.includes(end);
  if (!alphabetic && !(/^\d{1,9}$/.test(begin) && /^\d{1,9}$/.test(end))) throw new BadHostPattern(`begin and end of [${inner}] must both be numbers, or both one letter`);
  const [from, to] = alphabetic ? [letters.indexOf(begin), letters.indexOf(end)] : [Number(begin), Number(end)];
  if (from > to) throw new BadHostPattern(`the range [${inner}] is empty: it begins after its end`);
  if ((to - from) / step >= hostsLimit) throw new BadHostPattern(`the range [${inner}] names more than ${hostsLimit} hosts`);
  const parts: string[] = [];
  for (let at = from; at <= to; at += step) parts.push(alphabetic ? letters[at]! : padded ? String(at).padStart(begin.length, '0') : String(at));
  return parts;
}
