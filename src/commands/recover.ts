import { candidatesOf } from '../engine/candidates.ts';
import { each } from '../engine/each-host.ts';
import type { ClusterLock } from '../engine/lock.ts';
import { papersOf, reached, type Survey, survey } from '../engine/survey.ts';
import { takeLocks } from '../engine/take-locks.ts';
import { breakLease, leaseHolder } from '../kubernetes/lease.ts';
import { recoverImport, recoverSnapshot } from '../flows/recover.ts';
import { reinitialise } from '../flows/reinitialise.ts';
import { Halt, messageOf, UsageError } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { Settings } from '../model/settings.ts';
import { applyOnAll, setAside } from '../steps/places.ts';
import { activeOf, proveLive, tokenFor } from '../steps/prove-live.ts';
import { parseImport } from '../steps/import-keys.ts';
import { emptiesInKubernetes } from '../steps/what-to-empty.ts';
import type { CommonFlags, Machine, World } from './context.ts';
import { runFlow } from './run-flow.ts';
import { readFlags, readSettings } from './settings.ts';
import { lookAtAll } from './status.ts';

export interface RecoverFlags extends CommonFlags {
  readonly import?: string;
  readonly unlock?: boolean;
  readonly archive?: boolean;
  readonly cancelRekey?: string;
  readonly restoreSnapshot?: boolean;
  readonly reinitialise?: boolean;
}

interface Session {
  readonly machine: Machine; readonly flags: RecoverFlags; readonly settings: Settings; readonly world: World;
  readonly operator: ReturnType<Machine['operator']>;
}

/** One verb at a time; without one it looks, says what it sees, and which verb helps. */
export async function recover(machine: Machine, flags: RecoverFlags): Promise<number> {
  const verbs = [flags.import !== undefined, flags.unlock, flags.archive, flags.cancelRekey !== undefined, flags.restoreSnapshot, flags.reinitialise].filter((given) => given === true);
  if (verbs.length > 1) throw new UsageError('recover takes one verb at a time', 'see vaultctl recover --help');
  if (flags.reinitialise === true) { await runFlow(machine, flags, reinitialise, { lock: true, fits: emptiesInKubernetes }); return 0; }
  if (flags.import !== undefined) {
    const sets = parseImport(await machine.readInput(flags.import), flags.import === '-' ? 'standard input' : flags.import);
    await runFlow(machine, flags, recoverImport(sets));
    return 0;
  }
  if (flags.restoreSnapshot === true) { await runFlow(machine, flags, recoverSnapshot); return 0; }
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: flags.confirm, quiet: verbs.length === 0 });
  let world: World | undefined;
  try {
    const settings = await readSettings(machine, flags, operator);
    // Breaking a lock and giving advice need no Vault.
    const looks = flags.archive !== true && flags.cancelRekey === undefined;
    world = await machine.open(settings, await readFlags(machine, flags), operator, looks ? 'also-without-pods' : undefined);
    const session: Session = { machine, flags, settings, world, operator };
    if (flags.unlock === true) return await unlock(session);
    if (flags.archive === true) return await locked(session, 'recover --archive', archive);
    if (flags.cancelRekey !== undefined) return await locked(session, 'recover --cancel-rekey', cancelRekey);
    return await advise(session);
  } finally {
    await world?.close();
    operator.end();
  }
}

async function locked(session: Session, flow: string, work: (session: Session, lock: ClusterLock, operation: string) => Promise<number>): Promise<number> {
  const operation = session.machine.clock.random(6);
  const lock = await lockFor(session, flow, operation);
  try { return await work(session, lock, operation); } finally { await lock.release(); }
}

function lockFor({ machine, settings, world, operator }: Session, flow: string, operation: string): Promise<ClusterLock> {
  const nowMs = machine.clock.now();
  return takeLocks({ settings, hosts: world.lockable, words: { ...machine.holder(), operation, flow, sinceMs: nowMs }, nowMs, lease: world.lease, tell: (event) => operator.tell(event) });
}

async function insist({ operator, settings }: Session, question: string): Promise<void> {
  if (await operator.confirm(question, settings.clusterName)) return;
  throw new Halt(haltTexts.notConfirmed(settings.clusterName));
}

async function unlock(session: Session): Promise<number> {
  const { machine, settings, world, operator } = session;
  try {
    const lock = await lockFor(session, 'recover --unlock', machine.clock.random(6));
    await lock.release();
    operator.tell({ is: 'note', text: 'nobody holds the lock: there is nothing to break' });
    return 0;
  } catch (error) {
    if (!(error instanceof Halt) || error.text.code !== 'locked') throw error;
    for (const line of error.text.details ?? []) operator.tell({ is: 'note', text: line });
  }
  const place = await world.lease?.().catch(() => undefined);
  const shown = place === undefined ? undefined : await leaseHolder(place).catch(() => undefined);
  if (shown !== undefined) operator.tell({ is: 'note', text: `the Lease in Kubernetes names ${shown.holder} on ${shown.host} (pid ${shown.pid}, ${shown.flow} ${shown.operation})` });
  await insist(session, 'Break this lock? Its holder will write nothing more, wherever it is.');
  const outcomes = await each(world.lockable, (host, index) => host.breakLock(settings.managers[index]!.paths.lock));
  const failed = outcomes.flatMap((outcome, index) => (outcome.is === 'failed' ? [{ host: settings.managers[index]!.name, why: messageOf(outcome.error) }] : []));
  if (place !== undefined && shown !== undefined) await breakLease(place, shown).catch((error: unknown) => { failed.push({ host: 'Kubernetes', why: messageOf(error) }); });
  for (const { host, why } of failed) operator.tell({ is: 'warning', text: `${host}: ${why}` });
  operator.tell({ is: 'end', flow: 'recover --unlock', text: 'the lock is broken; run your command again' });
  return failed.length === 0 ? 0 : 5;
}

/** Renames, deletes nothing. On an initialised Vault only what it has just rejected is set aside. */
async function archive(session: Session, lock: ClusterLock, operation: string): Promise<number> {
  const { world, settings, operator, machine } = session;
  const hands = world.hands(lock, operation);
  const seen = await survey(world.eyes);
  const silent = seen.managers.flatMap((sight) => (sight.reached ? [] : [{ host: sight.manager.name, why: sight.error.message }]));
  if (silent.length > 0) throw new Halt(haltTexts.managersUnreachable(silent, 'recover --archive', settings.inventory));
  const mute = seen.nodes.flatMap((sight) => (sight.reached ? [] : [{ host: sight.node.name, why: sight.error.message }]));
  // Where no node is known, none has said that it is empty.
  if (mute.length > 0 || seen.nodes.length === 0) throw new Halt(haltTexts.vaultUnreachable(mute.length > 0 ? mute : [{ host: 'Vault', why: 'no node is known: is there a StatefulSet, and has it pods?' }], settings.inventory));
  const initialised = seen.nodes.some((sight) => sight.reached && sight.status.initialized);
  const verdict = initialised ? await proveLive(hands, candidatesOf(seen)) : undefined;
  if (verdict?.is === 'cannot-prove') throw new Halt(haltTexts.unproven(verdict.why, settings.inventory));
  const live = verdict?.is === 'live' ? verdict.candidate : undefined;
  const aside = papersOf(seen, 'main', 'install', 'rotate', 'previous', 'sibling').filter((paper) => live === undefined || !live.sources.some(({ host, path }) => host === paper.host && path === paper.path));
  if (aside.length === 0) { operator.tell({ is: 'note', text: 'there is nothing to set aside' }); return 0; }
  for (const { host, path } of aside) operator.tell({ is: 'note', text: `to be renamed: ${host}:${path}` });
  await insist(session, `Rename these ${aside.length} files to NAME.archived-TIME?`);
  const { failed } = await applyOnAll(hands, reached(seen).map((sight) => ({
    sight, operations: aside.filter(({ host }) => host === sight.manager.name).flatMap((paper) => setAside(paper, machine.clock)),
  })));
  if (failed.length > 0) throw new Halt(haltTexts.notSetAside(failed, 'recover --archive', settings.inventory));
  operator.tell({ is: 'end', flow: 'recover --archive', text: `${aside.length} files were set aside; nothing was deleted` });
  return 0;
}

async function cancelRekey(session: Session, lock: ClusterLock, operation: string): Promise<number> {
  const { world, settings, operator, flags } = session;
  const hands = world.hands(lock, operation);
  const seen = await survey(world.eyes);
  const rotation = papersOf(seen, 'rotate').filter((paper) => paper.is === 'checkpoint' && paper.checkpoint.meta?.rekey?.nonce === flags.cancelRekey);
  if (rotation.length > 0) throw new Halt(haltTexts.finishFirst('rotate', rotation, settings.inventory));
  const active = activeOf(seen.nodes);
  if (active === undefined) throw new Halt(haltTexts.noLeader(seen.nodes.map(({ node }) => node.name), settings.inventory));
  const [first] = candidatesOf(seen);
  const token = first === undefined ? world.eyes.flags.token : tokenFor(hands, first.set);
  const status = await hands.vault.rekeyStatus(active.node.address, token);
  if (!status.started) { operator.tell({ is: 'note', text: 'no rekey is in progress' }); return 0; }
  if (status.nonce !== flags.cancelRekey) throw new Halt(haltTexts.foreignRekey(status, settings.inventory));
  operator.tell({ is: 'note', text: `nonce ${status.nonce}, ${status.threshold} of ${status.shares} shares wanted, ${status.progress} of ${status.required} given` });
  await insist(session, 'Cancel this rekey? Whoever began it must begin again.');
  await hands.vault.rekeyCancel(active.node.address, status.nonce, token);
  operator.tell({ is: 'end', flow: 'recover --cancel-rekey', text: 'the rekey is cancelled; the keys in force did not change' });
  return 0;
}

/** Which verb helps, and why. */
async function advise(session: Session): Promise<number> {
  const { world, settings, machine, flags } = session;
  const { seen, verdict } = await lookAtAll(world, settings.inventory);
  const advice = advices(seen, settings.inventory, settings.kubernetes !== undefined);
  // `status` sends to `recover`; here one is there already.
  const next = verdict.next.filter((line) => line !== `vaultctl recover -i ${settings.inventory}`);
  if (flags.json === true) machine.out(`${JSON.stringify({ verdict: verdict.verdict, exit: verdict.code, problems: verdict.problems, next, advice }, undefined, 2)}\n`);
  else machine.out(`${[`Verdict: ${verdict.verdict}`, ...verdict.problems.map((problem) => `  ${problem}`), ...next.map((line) => `Next: ${line}`), '', ...advice].join('\n')}\n`);
  return verdict.code;
}

function advices(seen: Survey, inventory: string, kubernetes: boolean): string[] {
  const initialised = seen.nodes.some((sight) => sight.reached && sight.status.initialized);
  const keys = candidatesOf(seen).length;
  const verb = (name: string, why: string) => `vaultctl recover ${name} -i ${inventory}\n  ${why}`;
  const lines = [
    ...(initialised ? [verb('--import FILE', 'keys kept elsewhere (paper, a password manager, a backup): proves them on this Vault and delivers them everywhere')] : []),
    ...(keys > 0 ? [verb('--restore-snapshot', initialised
      ? 'after a rekey commit that was cut short (neither set opens): empty the server first, then this brings the data back from the snapshot of the rotation'
      : 'only where Vault lost its data, and the managers still hold keys: brings the data back from the newest snapshot')] : []),
    ...(keys > 0 ? [verb('--archive', initialised ? 'files that this Vault rejects are renamed, never deleted' : 'files of another cluster or of no use: renamed, never deleted')] : []),
    ...(initialised && kubernetes ? [verb('--reinitialise', 'ALL SECRETS WILL BE LOST: empties this Vault and starts over; refused while anything can still be saved')] : []),
    verb('--unlock', 'a run that hangs holds the lock: shows its holder first'),
    verb('--cancel-rekey NONCE', 'a rekey that somebody began and left'),
  ];
  return lines;
}
