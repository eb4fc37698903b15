import { UsageError } from '../model/halt.ts';
import { hostsOf, type Topology } from './groups.ts';
import { distance } from './near-names.ts';

/*
 * Ansible's host patterns, as `--limit` takes them: names and groups with wildcards, `~regex`, `group[0]`, `group[1:3]`,
 * separated by `,` or `:`; what stands behind `&` narrows, what stands behind `!` takes away.
 */

/** Reads the lines of `@file`. @throws UsageError where it cannot be read */
export type ReadLines = (path: string) => readonly string[];

/** The hosts that a pattern means, in Ansible's order. @throws UsageError for a part that matches nothing: a typing error must not name fewer hosts than were meant */
export function hostsMatching(topology: Topology, pattern: string, readLines: ReadLines): string[] {
  const parts = partsOf(pattern).flatMap((part) => (part.startsWith('@') ? readLines(part.slice(1)).map((line) => line.trim()).filter((line) => line !== '') : [part]));
  if (parts.length === 0) throw new UsageError(`--limit ${JSON.stringify(pattern)} names no host`, 'give a host, a group, or a pattern of Ansible\'s');
  const added = parts.filter((part) => !/^[&!]/.test(part));
  const match = (part: string) => matchesOf(topology, part, pattern);
  const chosen = new Set((added.length === 0 ? ['all'] : added).flatMap(match));
  for (const part of parts) {
    if (part.startsWith('&')) { const both = new Set(match(part.slice(1))); for (const host of chosen) if (!both.has(host)) chosen.delete(host); }
  }
  for (const part of parts) if (part.startsWith('!')) for (const host of match(part.slice(1))) chosen.delete(host);
  return [...chosen];
}

/** At commas; else at colons that are not within brackets, unless all of it is one address or one name with a range. */
function partsOf(pattern: string): string[] {
  const trimmed = (parts: readonly string[]) => parts.map((part) => part.trim()).filter((part) => part !== '');
  if (pattern.includes(',')) return trimmed(pattern.split(',')).flatMap(partsOf);
  if (pattern.startsWith('@') || isAddress(pattern)) return trimmed([pattern]);
  return trimmed(pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? []);
}

/** An IPv6 address is full of colons and is one name all the same; `db:fe` are two groups. */
function isAddress(text: string): boolean { return (text.includes('::') || text.split(':').length === 8) && /^[&!]?(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]{0,15}(?:%\w+)?$/.test(text); }

const SUBSCRIPT = /^(.+)\[(?:(-?\d+)|(\d+)[:-](\d*))\]$/;

function matchesOf(topology: Topology, part: string, whole: string): string[] {
  if (topology.hosts.has(part)) return [part];
  const [, name, index, first, last] = (part.startsWith('~') ? null : SUBSCRIPT.exec(part)) ?? [];
  const found = enumerated(topology, name ?? part, whole);
  if (found.length === 0) throw new UsageError(`--limit ${whole}: ${part} matches no host and no group`, hint(topology, name ?? part));
  if (index === undefined && first === undefined) return found;
  const taken = index !== undefined ? [found.at(Number(index))].filter((host) => host !== undefined) : found.slice(Number(first), last === '' || last === undefined ? undefined : Number(last) + 1);
  if (taken.length === 0) throw new UsageError(`--limit ${whole}: ${part} is beyond the ${found.length} hosts of ${name}`, `they are counted from 0: ${name}[0] is ${found[0]}`);
  return taken;
}

function enumerated(topology: Topology, name: string, whole: string): string[] {
  const matches = matcher(name, whole);
  const groups = [...topology.groups.values()].filter((group) => matches(group.name));
  const hosts = new Set(groups.flatMap((group) => hostsOf(group).map((host) => host.name)));
  if (groups.length === 0 || /^~|[.?*[]/.test(name)) for (const host of topology.hosts.keys()) if (matches(host)) hosts.add(host);
  return [...hosts];
}

function matcher(pattern: string, whole: string): (name: string) => boolean {
  try {
    const regex = pattern.startsWith('~') ? new RegExp(`^(?:${pattern.slice(1)})`, 'u') : new RegExp(`^${fromWildcards(pattern)}$`, 'su');
    return (name) => regex.test(name);
  } catch {
    throw new UsageError(`--limit ${whole}: ${pattern} is no regular expression`, 'what stands behind ~ is one: ~node[0-9]+');
  }
}

/** As Python's fnmatch has it: `*`, `?`, `[abc]`, `[!abc]`; a bracket that is never closed is itself. */
function fromWildcards(pattern: string): string {
  return pattern.replace(/\[!?\]?[^\]]*\]|[\s\S]/gu, (found) => {
    if (found === '*') return '.*';
    if (found === '?') return '.';
    if (found.length > 1 && found.startsWith('[')) {
      const inner = found.slice(1, -1);
      const negated = inner.startsWith('!');
      return `[${negated ? '^' : ''}${(negated ? inner.slice(1) : inner).replaceAll(/[\\\][^&~|]/g, '\\$&')}]`;
    }
    return found.replace(/[\\^$.|?*+()[\]{}/]/u, '\\$&');
  });
}

/** Names that differ in a sign or two come first. */
function hint(topology: Topology, name: string): string {
  const all = [...topology.hosts.keys(), ...topology.groups.keys()];
  const near = all.slice(0, 2000).map((known) => ({ known, far: distance(known, name, Math.max(1, Math.floor(known.length / 4))) })).filter(({ far, known }) => far <= Math.max(1, Math.floor(known.length / 4))).toSorted((a, b) => a.far - b.far);
  return near.length > 0 ? `Did you mean ${near.slice(0, 3).map(({ known }) => known).join(', ')}?` : `Hosts and groups here: ${all.slice(0, 20).join(', ')}${all.length > 20 ? ' …' : ''}`;
}
