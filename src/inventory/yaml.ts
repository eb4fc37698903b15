import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Alias, Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { BadScalar, plainScalar, taggedScalar } from './yaml-scalars.ts';
import { Encrypted, Mapping, refuse, Unsafe, withoutSecrets } from './value.ts';
import { mappingOf, parsePlainYaml } from './plain-yaml.ts';
import type { Row } from './plain-yaml.ts';
import type { Entry, Value } from './value.ts';

/** Aliases may repeat what they name; a document that unfolds beyond this is an attack or a mistake. */
const unfoldedLimit = 2_000_000;
const depthLimit = 200;
/** The library needs seconds and a gigabyte for each MiB of the worst text; ten thousand hosts fit into this. JSON has its own reader. */
const textLimit = 2 << 20;
/** PyYAML's reader accepts these characters and no others. */
const unprintable = /[^\x09\x0A\x0D\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/**
 * One YAML document as PyYAML and Ansible construct it: undefined for an empty one.
 * Duplicate keys are told to `warn`. Throws UsageError with file and line for everything PyYAML rejects.
 */
export function parseYaml(text: string, file: string, warn: (text: string) => void): Value | undefined {
  return parsePlainYaml(text, file, warn)?.value ?? parseAnyYaml(text, file, warn);
}

/** The same by the library alone, which reads all of YAML. */
export function parseAnyYaml(text: string, file: string, warn: (text: string) => void): Value | undefined {
  const lines = new LineCounter();
  const [first, second] = sound(text, file, lines);
  if (second !== undefined) {
    const line = lines.linePos(second.range?.[0] ?? 0).line;
    refuse({ file, line }, 'a second YAML document begins here (`---`); only one is allowed', 'Merge the documents into one.');
  }
  if (first === undefined || first.contents === null) return undefined;
  return new Construction(file, text, lines, warn).value(first.contents, 0);
}

/** All documents of a file, without the empty ones. Throws as parseYaml does. */
export function parseYamlDocuments(text: string, file: string, warn: (text: string) => void): Value[] {
  const lines = new LineCounter();
  return sound(text, file, lines).map(({ contents }) => new Construction(file, text, lines, warn).value(contents, 0)).filter((value) => value !== null);
}

function sound(text: string, file: string, lines: LineCounter): readonly Document.Parsed[] {
  if (text.length > textLimit) {
    refuse({ file }, `YAML of more than ${textLimit >> 20} MiB is not read`, 'Spread it over several files in a folder, or over group_vars and host_vars; JSON may be larger.');
  }
  const strange = unprintable.exec(text);
  if (strange !== null) {
    refuse({ file, line: text.slice(0, strange.index).split('\n').length },
      `character U+${strange[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} is not allowed in YAML`, 'Remove it, or write it as an escape within double quotes.');
  }
  const documents = parsed(text, file, lines);
  const error = documents.flatMap((document) => document.errors).at(0);
  if (error?.message.includes('call stack') === true) refuseDepth(file);
  if (error !== undefined) {
    const hint = error.code === 'TAB_AS_INDENT' || error.message.includes('Tabs')
      ? 'Indent with spaces: YAML takes no tabs.' : 'Mend the YAML; `ansible-inventory -i FILE --list` shows what Ansible makes of it.';
    const { line } = lines.linePos(error.pos[0]);
    refuse({ file, line }, `not valid YAML: ${withoutSecrets(error.message, text, line)}`, hint);
  }
  return documents;
}

function parsed(text: string, file: string, lines: LineCounter): readonly Document.Parsed[] {
  try {
    const documents = parseAllDocuments(text, {
      schema: 'failsafe', version: '1.1', merge: false, uniqueKeys: false, resolveKnownTags: false,
      lineCounter: lines, logLevel: 'silent', prettyErrors: false,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) refuseDepth(file);
    throw error;
  }
}

/** The library recurses: brackets by the thousand exhaust the stack before our own limit is reached. */
function refuseDepth(file: string): never {
  return refuse({ file }, `nested deeper than ${depthLimit} levels`, 'Look for unclosed brackets.');
}

/** Walks the parsed nodes in document order, so that an alias finds only anchors above it, as in PyYAML. */
class Construction {
  readonly #file: string;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #warn: (text: string) => void;
  readonly #anchors = new Map<string, { readonly value: Value } | 'open'>();
  /** How many values a list or mapping holds when everything in it is written out. */
  readonly #sizes = new WeakMap<object, number>();
  #unfolded = 0;

  constructor(file: string, text: string, lines: LineCounter, warn: (text: string) => void) {
    this.#file = file;
    this.#text = text;
    this.#lines = lines;
    this.#warn = warn;
  }

  value(node: Node | null, depth: number): Value {
    if (node === null) return null;
    if (depth > depthLimit) this.#refuse(node, `nested deeper than ${depthLimit} levels`);
    if (isAlias(node)) return this.#alias(node);
    const anchor = (node as Scalar).anchor;
    if (anchor !== undefined && this.#anchors.has(anchor)) this.#refuse(node, `&${anchor} is defined a second time`, 'Give each anchor its own name.');
    if (anchor !== undefined) this.#anchors.set(anchor, 'open');
    const value = isMap(node) ? this.#mapping(node, depth) : isSeq(node) ? this.#sequence(node, depth) : this.#scalar(node as Scalar);
    if (anchor !== undefined) this.#anchors.set(anchor, { value });
    return value;
  }

  #sizeOf(value: Value): number { return value !== null && typeof value === 'object' ? this.#sizes.get(value) ?? 1 : 1; }

  #sized<T extends object>(made: T, parts: Iterable<Value>): T {
    let size = 1;
    for (const part of parts) size += this.#sizeOf(part);
    this.#sizes.set(made, size);
    return made;
  }

  #unfold(node: Node, size: number): void {
    this.#unfolded += size;
    if (this.#unfolded > unfoldedLimit) {
      this.#refuse(node, `its aliases unfold to more than ${unfoldedLimit} values`, 'Write the values out, or use fewer aliases of aliases.');
    }
  }

  #alias(node: Alias): Value {
    const found = this.#anchors.get(node.source);
    if (found === undefined) this.#refuse(node, `*${node.source} names an anchor that is not defined above`, `Define &${node.source} before it is used.`);
    if (found === 'open') this.#refuse(node, `*${node.source} contains itself`, 'Write the value out.');
    this.#unfold(node, this.#sizeOf(found.value));
    return found.value;
  }

  #mapping(node: YAMLMap, depth: number): Mapping {
    this.#collectionTag(node, 'tag:yaml.org,2002:map');
    const merged: Row[] = [];
    const own: Row[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = pair.key;
      if (isScalar(key) && key.type === 'PLAIN' && key.value === '<<' && key.tag === undefined) merged.push(...this.#merge(pair.value, node, depth));
      else own.push(this.#row(pair, depth));
    }
    const mapping = mappingOf(this.#file, merged, own, this.#warn);
    return this.#sized(mapping, Array.from(mapping.entries.values(), (entry) => entry.value));
  }

  #row(pair: Pair<Node, Node | null>, depth: number): Row {
    const key = this.#key(pair.key);
    return { ...key, line: this.#line(pair.key), value: this.value(pair.value, depth + 1) };
  }

  /** Python turns non-text keys into JSON text only when it prints them. */
  #key(node: Node): { key: string; keyIs: Entry['keyIs'] } {
    const value = isScalar(node) && node.type === 'PLAIN' && node.value === '=' && node.tag === undefined ? '=' : this.value(node, depthLimit - 1);
    if (typeof value === 'string') return { key: value, keyIs: 'text' };
    if (value instanceof Unsafe) return { key: value.text, keyIs: 'text' };
    if (value === null) return { key: 'null', keyIs: 'null' };
    if (typeof value === 'boolean') return { key: String(value), keyIs: 'boolean' };
    if (typeof value === 'number' || typeof value === 'bigint') return { key: String(value), keyIs: 'number' };
    return this.#refuse(node, 'a mapping key must be text', 'Quote the key.');
  }

  /** Rows in the order in which they apply: in a list the first wins, so the list is taken from its end. */
  #merge(node: Node | null, parent: Node, depth: number): Row[] {
    const value = this.value(node, depth + 1);
    const parts = Array.isArray(value) ? (value as readonly Value[]).toReversed() : [value];
    return parts.flatMap((part) => {
      if (!(part instanceof Mapping)) this.#refuse(node ?? parent, '<< merges a mapping or a list of mappings, nothing else');
      return [...part.entries].map(([key, entry]) => ({ key, ...entry }));
    });
  }

  #sequence(node: YAMLSeq, depth: number): Value {
    const unsafe = node.tag === '!unsafe';
    if (!unsafe) this.#collectionTag(node, 'tag:yaml.org,2002:seq');
    const values = (node.items as (Node | null)[]).map((item) => this.value(item, depth + 1));
    return this.#sized(unsafe ? values.map(asUnsafe) : values, values);
  }

  #scalar(node: Scalar): Value {
    const text = node.value === null ? '' : String(node.value);
    try {
      if (node.tag === '!vault' || node.tag === '!vault-encrypted') return new Encrypted(text);
      if (node.tag === '!unsafe') return new Unsafe(text);
      if (node.tag === undefined || node.tag === '!') {
        if (node.type !== 'PLAIN') return text;
        if (text.startsWith('%')) this.#refuse(node, `a value cannot begin with %: ${text}`, 'Quote it.');
        return plainScalar(text);
      }
      const tagged = taggedScalar(node.tag, text);
      if (tagged !== undefined) return tagged;
    } catch (error) {
      if (error instanceof BadScalar) this.#refuse(node, error.message);
      throw error;
    }
    return this.#refuse(node, `unknown tag ${tagName(node.tag)}`, 'vaultctl reads !vault, !unsafe and the plain YAML types.');
  }

  #collectionTag(node: YAMLMap | YAMLSeq, expected: string): void {
    if (node.tag === undefined || node.tag === '!' || node.tag === expected) return;
    this.#refuse(node, `unknown tag ${tagName(node.tag)}`, 'vaultctl reads !vault, !unsafe and the plain YAML types.');
  }

  #line(node: Node): number { return this.#lines.linePos(node.range?.[0] ?? 0).line; }
  #refuse(node: Node, what: string, hint?: string): never {
    const line = this.#line(node);
    refuse({ file: this.#file, line }, withoutSecrets(what, this.#text, line), hint === undefined ? undefined : withoutSecrets(hint, this.#text, line));
  }
}

function asUnsafe(value: Value): Value {
  if (typeof value === 'string') return new Unsafe(value);
  return Array.isArray(value) ? (value as readonly Value[]).map(asUnsafe) : value;
}

function tagName(tag: string): string { return tag.replace('tag:yaml.org,2002:', '!!'); }
