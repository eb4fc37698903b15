/**
 * What PyYAML makes of a plain word. The `yaml` library's own YAML 1.1 types differ in a dozen places
 * (`1e3`, `0o644`, `y`, `22:15` …), so it is only asked for text and the types are decided here.
 */
export type PlainScalar = null | boolean | number | bigint | string;

/** The word looks typed and is none: PyYAML rejects the whole file. */
export class BadScalar extends Error {}

const truth = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const float = new RegExp([
  String.raw`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?`,
  String.raw`\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?`,
  String.raw`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*`,
  String.raw`[-+]?\.(?:inf|Inf|INF)`,
  String.raw`\.(?:nan|NaN|NAN))$`,
].join('|'));
const integer = /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const nothing = /^(?:~|null|Null|NULL|)$/;
const moment = new RegExp(String.raw`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}`
  + String.raw`|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?`
  + String.raw`(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$`);
const momentParts = new RegExp(String.raw`^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?`
  + String.raw`(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$`);

export function plainScalar(word: string): PlainScalar {
  if (truth.test(word)) return /^(?:y|t|on$)/i.test(word);
  if (float.test(word)) return floatOf(word);
  if (integer.test(word)) return integerOf(word);
  if (nothing.test(word)) return null;
  if (moment.test(word)) return momentOf(word);
  if (word === '=') throw new BadScalar('a bare = is not a value in YAML 1.1; quote it');
  return word;
}

/** What `!!int`, `!!float` and the like make of a word. */
export function taggedScalar(tag: string, word: string): PlainScalar | undefined {
  switch (tag) {
    case 'tag:yaml.org,2002:str': return word;
    case 'tag:yaml.org,2002:null': return null;
    case 'tag:yaml.org,2002:bool':
      if (!/^(?:yes|no|true|false|on|off)$/i.test(word)) throw new BadScalar(`${JSON.stringify(word)} is not a !!bool`);
      return /^(?:y|t|on$)/i.test(word);
    case 'tag:yaml.org,2002:int':
      if (!integer.test(word)) throw new BadScalar(`${JSON.stringify(word)} is not an !!int`);
      return integerOf(word);
    case 'tag:yaml.org,2002:float':
      if (!float.test(word) && !/^[-+]?\d+(?:[eE][-+]?\d+)?$/.test(word)) throw new BadScalar(`${JSON.stringify(word)} is not a !!float`);
      return floatOf(word);
    default: return undefined;
  }
}

function signOf(word: string): { sign: 1 | -1; rest: string } {
  return { sign: word.startsWith('-') ? -1 : 1, rest: word.replace(/^[-+]/, '') };
}

function floatOf(word: string): number {
  const { sign, rest } = signOf(word.replaceAll('_', '').toLowerCase());
  if (rest === '.inf') return sign * Infinity;
  if (rest === '.nan') return NaN;
  const parts = rest.split(':').map(Number);
  return sign * parts.reduce((sum, part) => sum * 60 + part, 0);
}

/** Python's own limit for numbers in text; beyond it their conversion would take minutes. */
export const digitsLimit = 4300;

function integerOf(word: string): number | bigint {
  if (word.length > digitsLimit) throw new BadScalar(`a number of ${word.length} digits; quote it if it is text`);
  const { sign, rest } = signOf(word.replaceAll('_', ''));
  const whole = wholeOf(rest, word);
  const signed = sign === -1 ? -whole : whole;
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(signed) : signed;
}

function wholeOf(digits: string, word: string): bigint {
  if (digits.startsWith('0b') || digits.startsWith('0x')) {
    if (digits.length === 2) throw new BadScalar(`${JSON.stringify(word)} has no digits`);
    return BigInt(digits);
  }
  if (digits.length > 1 && digits.startsWith('0')) return BigInt(`0o${digits.slice(1)}`);
  return digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
}

/** Dates become the ISO text that Ansible prints for them; fractions have six digits. */
function momentOf(word: string): string {
  const [, year = '', month = '', day = '', hour, minute = '', second = '', fraction = '', zone, zoneSign, zoneHour = '0', zoneMinute = '0'] = momentParts.exec(word) ?? [];
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const two = (part: string | number) => String(part).padStart(2, '0');
  if (y < 1 || m < 1 || m > 12 || d < 1 || d > new Date(Date.UTC(2000 + (y % 400), m, 0)).getUTCDate()) {
    throw new BadScalar(`${word} looks like a date and is none; quote it if it is text`);
  }
  const date = `${year}-${two(m)}-${two(d)}`;
  if (hour === undefined) return date;
  const offset = Number(zoneHour) * 60 + Number(zoneMinute);
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || offset >= 24 * 60) {
    throw new BadScalar(`${word} looks like a time and is none; quote it if it is text`);
  }
  const micro = fraction.slice(0, 6).padEnd(6, '0');
  const sign = offset === 0 || zoneSign !== '-' ? '+' : '-';
  const tail = zone === undefined ? '' : `${sign}${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
  return `${date}T${two(hour)}:${minute}:${second}${Number(micro) === 0 ? '' : `.${micro}`}${tail}`;
}
