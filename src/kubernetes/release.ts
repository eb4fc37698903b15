import type { HelmSettings, Plain } from '../model/deployment.ts';
import type { Release } from '../ports/helm.ts';
import { withoutSecrets } from './pod-reasons.ts';

const SECRET = /pass|token|secret|credential|private|licen[cs]e/i;
/** These name a secret, and hold none. */
const HARMLESS = /(?:name|key|ref|path|enabled)$/i;

/**
 * What differs between a release and what the inventory wants, a line each, as a diff; none: it is as wanted.
 * @param here name and version of the chart itself, where it lies on this machine
 */
export function releaseDifferences(found: Release | undefined, wanted: HelmSettings, here: { readonly name: string; readonly version: string } | undefined): string[] {
  const name = here?.name ?? chartName(wanted.chart);
  const version = here?.version ?? wanted.version;
  if (found === undefined) return [`+ release of ${name}${version === undefined ? '' : ` ${version}`}`, ...valueLines({}, wanted.values, '')];
  return [
    ...(found.status === 'deployed' ? [] : [`~ status: ${found.status} (to be deployed again)`]),
    ...(found.chart === name ? [] : [`~ chart: ${found.chart} → ${name}`]),
    ...(version === undefined || bare(found.version) === bare(version) ? [] : [`~ version: ${found.version} → ${version}`]),
    ...valueLines(found.values, wanted.values, ''),
  ];
}

/** helm 3 and 4 hold a release while it is being changed; one that was ended in the middle holds it for ever. */
export function isStuck({ status }: Release): boolean { return status.startsWith('pending-') || status === 'uninstalling'; }

/**
 * The version that an upgrade must keep, where the inventory names none: helm by itself would take the newest that the
 * repository has, and a changed number of replicas would bring another Vault along. Undefined: nothing to keep.
 */
export function keptVersion(found: Release | undefined, { chart, version }: HelmSettings): string | undefined {
  return found === undefined || version !== undefined || chart.startsWith('/') || found.chart !== chartName(chart) ? undefined : found.version;
}

/** Without its tag or digest, of a reference into a registry. */
function chartName(chart: string): string { return (chart.split('/').at(-1) ?? chart).replace(/[:@].*$/, ''); }
function bare(version: string): string { return version.replace(/^v/, '').replace(/\+.*$/, ''); }

/** Values that are null are taken away by helm: they are as good as not there. */
function valueLines(from: Plain | undefined, to: Plain | undefined, path: string): string[] {
  if (same(from, to)) return [];
  if (isTable(from) && isTable(to)) {
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted().flatMap((name) => valueLines(from[name], to[name], path === '' ? name : `${path}.${name}`));
  }
  if (from === undefined) return [`    + ${path}: ${shown(path, to)}`];
  if (to === undefined) return [`    - ${path}: ${shown(path, from)}`];
  return [`    - ${path}: ${shown(path, from)}`, `    + ${path}: ${shown(path, to)}`];
}

function shown(path: string, value: Plain | undefined): string {
  if (path.split('.').some((part) => SECRET.test(part) && !HARMLESS.test(part))) return '(not shown)';
  const text = withoutSecrets(JSON.stringify(hidden(value)));
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

/** The same rule for what lies within a value that is shown whole. */
function hidden(value: Plain | undefined): Plain | undefined {
  if (Array.isArray(value)) return (value as readonly Plain[]).map((each) => hidden(each)!);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, SECRET.test(name) && !HARMLESS.test(name) ? '(not shown)' : hidden(each)!]));
}

function same(a: Plain | undefined, b: Plain | undefined): boolean {
  if (a === b) return true;
  if (isTable(a) && isTable(b)) return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => same(a[name], b[name]));
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => same(each as Plain, b[index] as Plain));
  return false;
}

function isTable(value: Plain | undefined): value is { readonly [key: string]: Plain } { return typeof value === 'object' && value !== null && !Array.isArray(value); }
