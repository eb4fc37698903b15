import { each } from '../engine/each-host.ts';
import { type ReachedManager, type Survey, paperOf, reached, unreachable } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { messageOf } from '../model/halt.ts';
import { type FileOperation, HostError, type HostHands } from '../ports/hosts.ts';

/** The master manager where it answered, else the first that did (its loss is allowed: `--allow-missing`, `--limit`). */
export function masterOf(eyes: Eyes, survey: Survey): ReachedManager {
  const all = reached(survey);
  const master = all.find(({ manager }) => manager.name === eyes.settings.master) ?? all[0];
  if (master === undefined) throw new Error('no manager was reached');
  return master;
}

export function handsOn(hands: Hands, name: string): HostHands {
  const host = hands.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) throw new Error(`no hands on ${name}`);
  return host;
}

/** Managers that were not reached and that the operator did not allow to be missing. */
export function missingOf(eyes: Eyes, survey: Survey): { host: string; why: string; mend: string | undefined }[] {
  return unreachable(survey)
    .filter(({ manager }) => !eyes.settings.allowMissing.includes(manager.name))
    .map(({ manager, error }) => ({ host: manager.name, why: error.message, mend: error.mend }));
}

export function missingNodesOf(eyes: Eyes, survey: Survey): { host: string; why: string }[] {
  return survey.nodes.flatMap((sight) => (sight.reached || eyes.settings.allowMissingNodes.includes(sight.node.name) ? [] : [{ host: sight.node.name, why: sight.error.message }]));
}

export interface Failure { readonly host: string; readonly why: string; readonly mend: string | undefined }
export interface Written { readonly sight: ReachedManager; readonly readBack: ReadonlyMap<string, Uint8Array> }

/** Does each manager's operations, all managers at once, and tells apart who took them and who did not. */
export async function applyOnAll(hands: Hands, work: readonly { sight: ReachedManager; operations: readonly FileOperation[] }[]): Promise<{ written: Written[]; failed: Failure[] }> {
  const written: Written[] = [];
  const failed: Failure[] = [];
  const outcomes = await each(work, async ({ sight, operations }) => {
    if (operations.length === 0) return new Map<string, Uint8Array>();
    const answer = await handsOn(hands, sight.manager.name).apply(operations, hands.lock.fence(sight.manager.paths.lock));
    for (const operation of operations) {
      if (operation.do !== 'write') continue;
      if (!sameBytes(answer.readBack.get(operation.path), operation.bytes)) throw new HostError(sight.manager.name, 'io', `${operation.path} reads back different from what was written`);
    }
    return answer.readBack;
  });
  outcomes.forEach((outcome, index) => {
    const { sight } = work[index]!;
    if (outcome.is === 'ok') written.push({ sight, readBack: outcome.value });
    else failed.push(failureOf(sight.manager.name, outcome.error));
  });
  return { written, failed };
}

export function failureOf(host: string, error: unknown): Failure {
  return { host, why: messageOf(error), mend: error instanceof HostError ? error.mend : undefined };
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

/** `2026-11-22T23-11-50Z`, for names of what is set aside. */
export function stamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z').replaceAll(':', '-');
}

export function archived(path: string, nowMs: number, salt: string): string {
  return `${path}.archived-${stamp(nowMs)}-${salt}`;
}

export function hasFile(sight: ReachedManager, role: 'main' | 'install' | 'rotate' | 'previous'): boolean {
  return paperOf(sight, role) !== undefined;
}
