import type { NodeSight } from '../engine/survey.ts';
import { Halt, messageOf, UsageError } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { Settings } from '../model/settings.ts';
import { openFromAny } from '../steps/open-from-any.ts';
import { reachedNodes } from '../steps/prove-live.ts';
import type { CommonFlags, Machine, World } from './context.ts';
import { noLock } from './run-flow.ts';
import { readFlags, readSettings } from './settings.ts';

const FLOW = 'unseal --watch';
const LOOK_EVERY_MS = 5000;
/** A signal is answered within this. */
const NAP_MS = 250;
const FIRST_WAIT_MS = 5000;
const LONGEST_WAIT_MS = 60_000;

interface Watch { readonly machine: Machine; readonly flags: CommonFlags; readonly settings: Settings; readonly operator: ReturnType<Machine['operator']>; readonly say: (about: string, text: string, worry?: boolean) => void }

/**
 * Keeps a cluster unsealed until a signal comes: looks every few seconds at nodes that it finds anew each time, gives a
 * sealed one its shares from any source, and says every change once. Nothing that is down for a while ends it.
 * @throws Halt `stopped` at a signal; UsageError and `auto-unseal`, which no waiting mends
 */
export async function watchNodes(machine: Machine, flags: CommonFlags): Promise<never> {
  const operator = machine.operator({ json: flags.json === true, color: flags.color !== false, verbose: flags.verbose === true, confirm: undefined, quiet: false });
  try {
    const settings = await readSettings(machine, flags, operator);
    operator.tell({ is: 'flow', flow: FLOW, operation: 'watch', cluster: settings.clusterName });
    const said = new Map<string, string>();
    const say = (about: string, text: string, worry = false) => {
      if (said.get(about) === text) return;
      said.set(about, text);
      operator.tell({ is: worry ? 'warning' : 'note', text: `${about}: ${text}` });
    };
    return await watch({ machine, flags, settings, operator, say });
  } finally {
    operator.end();
  }
}

async function watch(watching: Watch): Promise<never> {
  const { machine, settings, operator, say } = watching;
  let world: World | undefined;
  const attempts = new Attempts(() => machine.clock.now());
  const close = async () => { await world?.close().catch(() => undefined); world = undefined; };
  try {
    for (;;) {
      try {
        world ??= await machine.open(settings, await readFlags(machine, watching.flags), operator);
        // What it opened is let go of again: a connection that stood for weeks is the first thing to fail.
        if (await round(watching, world, attempts)) await close();
        say('vaultctl', 'watching');
      } catch (error) {
        if (error instanceof UsageError || (error instanceof Halt && error.text.code === 'auto-unseal')) throw error;
        say('vaultctl', why(error), true);
        await close();
      }
      await rest(watching, LOOK_EVERY_MS);
    }
  } finally {
    await close();
  }
}

/** True where more than a look was done. */
async function round({ settings, say }: Watch, world: World, attempts: Attempts): Promise<boolean> {
  await world.eyes.findNodes?.();
  const hands = world.hands(noLock, 'watch');
  const sights = await reachedNodes(hands);
  const foreign = sights.find((sight) => sight.reached && sight.status.type !== 'shamir');
  if (foreign?.reached === true) throw new Halt(haltTexts.autoUnseal(foreign.status.type));
  for (const sight of sights) { const [text, worry] = stateOf(sight); say(sight.node.name, text, worry); }
  const closed = sights.flatMap((sight) => (sight.reached && needsUs(sight, sights) ? [sight.node.name] : []));
  if (!attempts.due(closed.join(' '))) return false;
  try {
    const { opened, leftover } = await openFromAny.act(hands, undefined);
    for (const name of opened) say(name, 'unsealed');
    const [left] = leftover;
    if (left !== undefined) say('checkpoint', `${left.host}:${left.path} still waits: vaultctl status -i ${settings.inventory}`, true);
    attempts.well();
  } catch (error) {
    attempts.failed();
    say('cannot unseal', why(error), true);
  }
  return true;
}

function needsUs(sight: Extract<NodeSight, { reached: true }>, all: readonly NodeSight[]): boolean {
  return sight.status.initialized ? sight.status.sealed : all.some((other) => other.reached && other.status.initialized);
}

function stateOf(sight: NodeSight): readonly [string, boolean] {
  if (!sight.reached) return [`not reached: ${sight.error.message}`, true];
  if (!sight.status.initialized) return ['not initialised', true];
  return sight.status.sealed ? ['sealed', true] : ['unsealed', false];
}

function why(error: unknown): string {
  return error instanceof Halt ? [error.text.what, ...(error.text.details ?? [])].join('; ') : messageOf(error);
}

/** @throws Halt where a signal came */
async function rest({ machine: { clock }, operator, settings }: Watch, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= NAP_MS) {
    const signal = operator.stopRequested();
    if (signal !== undefined) throw new Halt(haltTexts.stopped(signal, FLOW, settings.inventory));
    await clock.sleep(Math.min(left, NAP_MS));
  }
}

/** What cannot be unsealed is tried again after a wait that doubles; another set of sealed nodes is tried at once. */
class Attempts {
  readonly #now: () => number;
  #closed = '';
  #waitMs = FIRST_WAIT_MS;
  #notBeforeMs = -Infinity;

  constructor(now: () => number) { this.#now = now; }

  due(closed: string): boolean {
    if (closed !== this.#closed) this.well();
    this.#closed = closed;
    // A clock that was set back would make it wait for ever.
    return closed !== '' && (this.#now() >= this.#notBeforeMs || this.#now() < this.#notBeforeMs - LONGEST_WAIT_MS);
  }

  well(): void { this.#waitMs = FIRST_WAIT_MS; this.#notBeforeMs = -Infinity; }

  failed(): void { this.#notBeforeMs = this.#now() + this.#waitMs; this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS); }
}
