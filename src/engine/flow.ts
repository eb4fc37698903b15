import type { Halt } from '../model/halt.ts';
import type { Eyes, Hands, Prover } from './world.ts';

/** What a step sees when it looks for its own effect. */
export type Sight<Out> =
  /** `out`: what it leads to is known before it is done, and a plan looks further. */
  | { readonly is: 'pending'; readonly out?: Out }
  /** `skipped`: the operator said not to. */
  | { readonly is: 'done'; readonly out: Out; readonly skipped?: true }
  | { readonly is: 'stuck'; readonly halt: Halt };

/**
 * One verb. `look` finds the step's own effect in the world; `act` brings it about and is only called on `pending`.
 * `check` changes nothing; `repeat` may be tried again after any failure; `once` never is (init, the last update share, verify).
 */
export interface Step<In, Out> {
  readonly name: string;
  readonly title: string;
  readonly kind: 'check' | 'repeat' | 'once';
  /** The inventory wants nothing of the kind: the step is passed without a word, and its record stays as it is. */
  readonly unasked?: (eyes: Eyes) => boolean;
  // Function properties, not methods: method bivariance would let wrong arrows compile.
  readonly look: (eyes: Eyes, record: In) => Promise<Sight<Out>>;
  readonly act: (hands: Hands & Prover, record: In) => Promise<Out>;
}

/** A state that a fork leads to, and what is known in it: `Outs` maps the names of the states to their records. */
export type Arrival<Outs> = { [K in keyof Outs]: { readonly to: K; readonly record: Outs[K] } }[keyof Outs];

/** The fork cannot be answered by looking; a run proves, a plan says "unproven" and goes on with `likely`. */
export interface Unproven<Outs> {
  readonly is: 'unproven';
  readonly because: string;
  readonly likely: Arrival<Outs>;
}

/** A question whose answer decides the way: its answers are the names of the states it leads to. */
export interface Fork<In, Outs> {
  readonly name: string;
  readonly title: string;
  readonly look: (eyes: Eyes, record: In) => Promise<Arrival<Outs> | Unproven<Outs>>;
  /** Called only where `look` answered `unproven`. */
  readonly prove?: (prover: Hands & Prover, record: In) => Promise<Arrival<Outs>>;
}

export type Arrow<S> =
  | { readonly is: 'step'; readonly from: keyof S; readonly step: Step<never, unknown>; readonly to: keyof S }
  | { readonly is: 'fork'; readonly from: keyof S; readonly fork: AnyFork; readonly to: readonly (keyof S)[] };

export interface AnyFork {
  readonly name: string;
  readonly title: string;
  readonly look: (eyes: Eyes, record: never) => Promise<{ to: PropertyKey; record: unknown } | { is: 'unproven'; because: string; likely: { to: PropertyKey; record: unknown } }>;
  readonly prove?: (prover: Hands & Prover, record: never) => Promise<{ to: PropertyKey; record: unknown }>;
}

export interface Flow<S> {
  readonly name: string;
  readonly title: string;
  readonly start: keyof S;
  readonly end: keyof S;
  readonly arrows: readonly Arrow<S>[];
}

/** Arrow builders for one table of states: an arrow whose records do not fit does not compile. */
export function arrowsOf<S>() {
  return {
    arrow<From extends keyof S, To extends keyof S>(from: From, step: Step<S[From], S[To]>, to: To): Arrow<S> {
      return { is: 'step', from, step: step as Step<never, unknown>, to };
    },
    fork<From extends keyof S, To extends keyof S>(from: From, fork: Fork<S[From], Pick<S, To>>, ...to: To[]): Arrow<S> {
      return { is: 'fork', from, fork: fork as unknown as AnyFork, to };
    },
  };
}

export function isUnproven(sight: object): sight is { is: 'unproven'; because: string; likely: { to: PropertyKey; record: unknown } } {
  return 'is' in sight && sight.is === 'unproven';
}

/** The one arrow that leaves `state`; a table with none or two is our bug. */
export function arrowFrom<S>(flow: Flow<S>, state: keyof S): Arrow<S> {
  const leaving = flow.arrows.filter((arrow) => arrow.from === state);
  const [only] = leaving;
  if (leaving.length !== 1 || only === undefined) throw new Error(`flow ${flow.name}: ${leaving.length} arrows leave ${String(state)}`);
  return only;
}
