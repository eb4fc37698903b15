import { Encrypted, Mapping, shown, Unsafe } from './value.ts';
import type { Value } from './value.ts';

/** Python's str(): a text is itself, and quoted within a list or a mapping. */
export function pythonText(value: Value): string { return typeof value === 'string' ? value : value instanceof Unsafe ? value.text : pythonRepr(value); }

function pythonRepr(value: Value): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value instanceof Encrypted) return shown(value);
  if (value instanceof Mapping) return `{${[...value.entries].map(([key, entry]) => `${quotedText(key)}: ${pythonRepr(entry.value)}`).join(', ')}}`;
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(pythonRepr).join(', ')}]`;
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  return typeof value === 'string' ? quotedText(value) : value instanceof Unsafe ? quotedText(value.text) : String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quotedText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replaceAll(/[\\\n\r\t]|\p{Cc}|'/gu, (sign) => ESCAPES[sign] ?? (sign === "'" ? (quote === "'" ? "\\'" : "'") : `\\x${sign.codePointAt(0)!.toString(16).padStart(2, '0')}`));
  return quote + inner + quote;
}
