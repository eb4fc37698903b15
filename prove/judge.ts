import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ended, KilledWorld } from '../test/real/killed-world.ts';
import type { Trial } from './experiment.ts';

/** What is judged: a world of managers and one server, whichever way it is reached. */
export type Judged = Pick<KilledWorld, 'names' | 'keysFolder' | 'snapshots' | 'files' | 'leftovers' | 'run' | 'begin' | 'restart' | 'wipe'>;

/** `shellTimes.silenceS`, and what a busy machine adds. */
const LOCK_FREED_WITHIN_MS = 45_000;

/** Equal files, three keys, 0600 and ours, nothing left over, and they open a freshly restarted server. @returns what does not hold, or undefined */
export async function whatIsWrong(world: Judged): Promise<string | undefined> {
  const wrong = filesAmiss(world);
  if (wrong !== undefined) return wrong;
  await restart(world);
  const opened = await world.run('unseal');
  return opened.code === 0 ? undefined : `the files do not open a freshly restarted server (exit ${opened.code}):\n${opened.text}`;
}

function filesAmiss(world: Judged): string | undefined {
  const mains = world.names.map((name) => join(world.keysFolder(name), 'vault-unseal.json'));
  const missing = mains.filter((main) => !existsSync(main));
  if (missing.length > 0) return `missing: ${missing.join(', ')}`;
  const [first, ...others] = world.files();
  if (others.some((other) => other !== first)) return 'the managers differ';
  const keys = Object.keys(JSON.parse(first!) as object).join();
  if (keys !== 'root_token,unseal_keys,key_threshold') return `main has the keys ${keys}`;
  const { uid } = userInfo();
  for (const path of everyFile(world)) {
    const found = statSync(path);
    if ((found.mode & 0o7777) !== 0o600 || found.uid !== uid) return `${path}: mode ${(found.mode & 0o7777).toString(8)}, uid ${found.uid}`;
  }
  const left = [...world.leftovers(), ...siblingsOfSnapshots(world)];
  return left.length > 0 ? `left over: ${left.join(', ')}` : undefined;
}

/** What vaultctl writes on the managers. */
function everyFile(world: Judged): string[] {
  return world.names.flatMap((name) => [world.keysFolder(name), world.snapshots(name)].filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).map((file) => join(folder, file))));
}

function siblingsOfSnapshots(world: Judged): string[] {
  return world.names.flatMap((name) => (existsSync(world.snapshots(name)) ? readdirSync(world.snapshots(name)).filter((file) => /\.(intent|keys|plain)$/.test(file)).map((file) => `${name}/snapshots/${file}`) : []));
}

/** Whatever is in its memory is gone, the pending rekey too. */
export function restart(world: Judged): Promise<void> { return world.restart(); }

export interface Judging {
  /** The server is killed and started again before the next run, and some copy must open it. */
  readonly restarted?: boolean;
  /** The run was struck where init's answer can be lost. Anywhere else "nobody ever held these keys" is a lie. */
  readonly mayLoseInit?: boolean;
}

/** Goes on as the operator would after a struck run of `verb`, and judges how it ends. */
export async function judged(world: Judged, what: string, verb: 'install' | 'rotate', struck: Ended, judging: Judging = {}): Promise<Trial> {
  const trial = (outcome: Trial['outcome'], seen?: string): Trial => ({ what, outcome, ...(seen === undefined ? {} : { seen: `${seen}\n--- the struck run (${struck.signal ?? `exit ${struck.code}`}):\n${struck.text}` }) });
  if (struck.code === 1) return trial('wrong', 'an error that nobody thought of');
  if (struck.code === 0) {
    const wrong = await whatIsWrong(world);
    return wrong === undefined ? trial('kept') : trial('wrong', `it said that all is well, but ${wrong}`);
  }
  if (judging.restarted === true && struck.code !== 3) {
    await restart(world);
    const opened = completeSets(world).length === 0 ? undefined : await world.run('unseal');
    if (opened !== undefined && ![0, 4].includes(opened.code!) && !/not initialised/i.test(opened.text)) return trial('lost', `no copy opened the restarted server (exit ${opened.code}):\n${opened.text}`);
  }
  const next = await nextRun(world, verb, struck);
  if (next.code === 3 && next.text.includes('nobody ever held these keys')) return neverSaved(world, trial, next, judging);
  if (next.code === 8 && next.text.includes('in the middle of its own init')) return emptied(world, trial, next, judging, 'kept');
  if (next.code === 3) return trial('lost', next.text);
  if (struck.code === 3) return trial('wrong', 'it said that keys are lost, and they were not');
  if (next.code !== 0) return trial('wrong', `the next run ended with ${next.code ?? next.signal}:\n${next.text}`);
  const wrong = await whatIsWrong(world);
  return wrong === undefined ? trial('kept') : trial(wrong.includes('do not open') ? 'lost' : 'wrong', `after the next run ${wrong}`);
}

/** A file that a lying disk left unreadable may be keys, and stops an install: its page names the command that sets it aside. */
async function nextRun(world: Judged, verb: 'install' | 'rotate', struck: Ended): Promise<Ended> {
  let next = await world.run(verb);
  const [, operation] = /\(operation ([0-9a-f]{12})\)/.exec(struck.text) ?? [];
  // A manager that never heard that the struck run has gone holds its lock until the silence has lasted long enough; the page says to wait.
  for (const until = Date.now() + LOCK_FREED_WITHIN_MS; next.code === 6 && operation !== undefined && next.text.includes(operation) && Date.now() < until; next = await world.run(verb)) await sleep(2000);
  if (verb !== 'install' || next.code !== 7 || !next.text.includes('(cannot be read: ') || !next.text.includes('vaultctl recover --archive')) return next;
  const archived = await archive(world);
  return archived.code === 0 ? world.run(verb) : archived;
}

function archive(world: Judged): Promise<Ended> { return world.begin(['recover', '--archive', '--confirm', 'kill']).ended; }

/** True only where no disk ever had a whole set; then the page's own advice is followed to its end. */
async function neverSaved(world: Judged, trial: (outcome: Trial['outcome'], seen?: string) => Trial, page: Ended, judging: Judging): Promise<Trial> {
  const saved = completeSets(world);
  if (saved.length > 0) return trial('lost', `it said that nobody held the keys, and they are in ${saved.join(', ')}:\n${page.text}`);
  return emptied(world, trial, page, judging, 'never-saved');
}

/** The page says: no keys exist, or nobody has them; empty this Vault. */
async function emptied(world: Judged, trial: (outcome: Trial['outcome'], seen?: string) => Trial, page: Ended, { mayLoseInit }: Judging, well: 'kept' | 'never-saved'): Promise<Trial> {
  if (mayLoseInit !== true) return trial('wrong', `it said that init was cut off, or its answer, where that cannot be:\n${page.text}`);
  await world.wipe();
  if (/vaultctl recover --archive/.test(page.text)) {
    const archived = await archive(world);
    if (archived.code !== 0) return trial('wrong', `recover --archive, which the page names, ended with ${archived.code}:\n${archived.text}`);
  }
  const again = await world.run('install');
  if (again.code !== 0) return trial('wrong', `install into the emptied Vault, which the page names, ended with ${again.code}:\n${again.text}`);
  const wrong = await whatIsWrong(world);
  return wrong === undefined ? trial(well) : trial('wrong', `after the page's advice ${wrong}`);
}

/** Files that hold a whole set of three shares, live or not. */
function completeSets(world: Judged): string[] {
  return everyFile(world).filter((path) => /"unseal_keys"\s*:\s*\[\s*"[A-Za-z0-9+/=]{44}"\s*(,\s*"[A-Za-z0-9+/=]{44}"\s*){2}\]/.test(readFileSync(path, 'latin1')));
}
