import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { draw } from '../../src/engine/draw.ts';
import { arrowFrom, arrowsOf, type Flow, type Fork, type Step } from '../../src/engine/flow.ts';
import { plan } from '../../src/engine/plan.ts';
import { run } from '../../src/engine/run.ts';
import type { Eyes, Hands, Prover } from '../../src/engine/world.ts';
import { Halt } from '../../src/model/halt.ts';
import { HostError } from '../../src/ports/hosts.ts';
import type { Event } from '../../src/ports/operator.ts';
import { WireError } from '../../src/ports/vault.ts';

/*
 * A tiny flow: a kettle. Its whole world is one object; a step looks whether its effect is there, and brings it about.
 *   cold -fill-> filled -heat (once)-> hot -which tea? (fork)-> steeping -pour-> served
 */
interface Kettle { water: boolean; boils: number; tea: 'green' | 'black' | undefined; poured: boolean }
interface States { cold: undefined; filled: string; hot: string; green: string; black: string; served: string }

interface Plan { readonly look?: Record<string, Error[]>; readonly act?: Record<string, Error[]>; readonly stuckAt?: string; readonly skip?: string; readonly unasked?: string }

const passing = () => new Error('the wire was cut');
const lasting = () => new Error('the certificate is wrong');

function kitchen(kettle: Kettle, faults: Plan = {}) {
  const calls: string[] = [];
  const fail = (kind: 'look' | 'act', name: string) => {
    calls.push(`${kind} ${name}`);
    const error = faults[kind]?.[name]?.shift();
    if (error !== undefined) throw error;
  };
  const step = <In, Out>(name: string, kind: Step<In, Out>['kind'], isThere: () => boolean, out: Out, bring: () => void): Step<In, Out> => ({
    name, title: `${name} it`, kind,
    unasked: () => faults.unasked === name,
    look: async () => {
      fail('look', name);
      if (faults.stuckAt === name) return { is: 'stuck', halt: new Halt({ code: 'stuck', exit: 'refused', what: 'the tap is gone' }) };
      if (faults.skip === name) return { is: 'done', out, skipped: true };
      return isThere() ? { is: 'done', out } : { is: 'pending' };
    },
    act: async () => { fail('act', name); bring(); return out; },
  });
  const which: Fork<string, { green: string; black: string }> = {
    name: 'which', title: 'which tea?',
    look: async () => {
      fail('look', 'which');
      return kettle.tea === undefined ? { is: 'unproven', because: 'nobody said', likely: { to: 'green', record: 'likely' } } : { to: kettle.tea, record: 'seen' };
    },
    prove: async () => { fail('act', 'which'); kettle.tea = 'black'; return { to: 'black', record: 'proven' }; },
  };
  const { arrow, fork } = arrowsOf<States>();
  const flow: Flow<States> = {
    name: 'tea', title: 'make tea', start: 'cold', end: 'served',
    arrows: [
      arrow('cold', step('fill', 'repeat', () => kettle.water, 'filled', () => { kettle.water = true; }), 'filled'),
      arrow('filled', step('heat', 'once', () => kettle.boils > 0, 'hot', () => { kettle.boils += 1; }), 'hot'),
      fork('hot', which, 'green', 'black'),
      arrow('green', step('pour', 'check', () => true, 'a green tea', () => undefined), 'served'),
      arrow('black', step('stir', 'repeat', () => kettle.poured, 'a black tea', () => { kettle.poured = true; }), 'served'),
    ],
  };
  return { flow, calls };
}

const cold = (): Kettle => ({ water: false, boils: 0, tea: undefined, poured: false });

function cook(change: { stopAfter?: number; lostAfter?: number } = {}) {
  const events: Event[] = [];
  const slept: number[] = [];
  let started = 0;
  const hands = {
    settings: { inventory: 'hosts.yaml' },
    tell: (event: Event) => { events.push(event); if (event.is === 'step' && event.mark === 'start') started += 1; },
    clock: { now: () => 0, sleep: async (ms: number) => { slept.push(ms); }, random: () => 'ab' },
    operator: { stopRequested: () => (change.stopAfter !== undefined && started >= change.stopAfter ? 'SIGTERM' : undefined) },
    lock: { lost: () => (change.lostAfter !== undefined && started >= change.lostAfter ? 'node1: cut' : undefined) },
    isPassing: (error: unknown) => error instanceof Error && error.message === passing().message,
  } as unknown as Hands & Prover;
  const marks = () => events.flatMap((event) => (event.is === 'step' && event.mark !== 'start' ? [`${event.step} ${event.mark}`] : []));
  return { hands, events, slept, marks };
}

const halted = (code: string) => (error: unknown) => error instanceof Halt && error.text.code === code;

describe('a run', () => {
  it('looks before every act, follows the fork that was proven, and ends with what the last step gave', async () => {
    const kettle = cold();
    const { flow, calls } = kitchen(kettle);
    const { hands, marks } = cook();
    assert.equal(await run(flow, hands), 'a black tea');
    assert.deepEqual(calls, ['look fill', 'act fill', 'look heat', 'act heat', 'look which', 'act which', 'look stir', 'act stir']);
    assert.deepEqual(marks(), ['fill done', 'heat done', 'which done', 'stir done']);
  });

  it('that finds everything done acts on nothing, and says "already"', async () => {
    const { flow, calls } = kitchen({ water: true, boils: 1, tea: 'black', poured: true });
    const { hands, marks } = cook();
    await run(flow, hands);
    assert.deepEqual(calls.filter((call) => call.startsWith('act')), []);
    assert.deepEqual(marks(), ['fill already', 'heat already', 'which done', 'stir already']);
  });

  it('says of a check that it is done, not that it was done already', async () => {
    const { hands, marks } = cook();
    await run(kitchen({ water: true, boils: 1, tea: 'green', poured: false }).flow, hands);
    assert.equal(marks().at(-1), 'pour done');
  });

  it('says of what the operator waived that it was skipped', async () => {
    const { hands, marks } = cook();
    await run(kitchen(cold(), { skip: 'fill' }).flow, hands);
    assert.equal(marks()[0], 'fill skipped');
  });

  it('passes what nobody asks for without a word, in a run and in a plan', async () => {
    const { hands, marks } = cook();
    const { flow, calls } = kitchen(cold(), { unasked: 'stir' });
    await run(flow, hands);
    assert.ok(!marks().some((mark) => mark.startsWith('stir')) && !calls.some((call) => call.endsWith('stir')), marks().join());
    assert.ok(!(await plan(kitchen(cold(), { unasked: 'fill' }).flow, cook().hands)).some(({ step }) => step === 'fill'));
  });

  it('resumes after a death between any two calls, and boils once', async () => {
    for (const dies of ['fill', 'heat', 'which', 'stir']) {
      const kettle = cold();
      await assert.rejects(run(kitchen(kettle, { act: { [dies]: [lasting()] } }).flow, cook().hands));
      await run(kitchen(kettle).flow, cook().hands);
      assert.deepEqual(kettle, { water: true, boils: 1, tea: 'black', poured: true }, dies);
    }
  });

  it('repeats a repeatable step where the wire was cut: three times in all, each with a fresh look and a longer pause', async () => {
    const { flow, calls } = kitchen(cold(), { act: { fill: [passing(), passing()] } });
    const { hands, slept, events } = cook();
    await run(flow, hands);
    assert.deepEqual(calls.slice(0, 6), ['look fill', 'act fill', 'look fill', 'act fill', 'look fill', 'act fill']);
    assert.deepEqual(slept, [300, 600]);
    assert.equal(events.filter((event) => event.is === 'note' && event.text.startsWith('trying again')).length, 2);

    const hopeless = kitchen(cold(), { act: { fill: [passing(), passing(), passing()] } });
    await assert.rejects(run(hopeless.flow, cook().hands), /cut/);
    assert.equal(hopeless.calls.filter((call) => call === 'act fill').length, 3);
  });

  it('never acts twice in a step that happens once, whatever went wrong', async () => {
    for (const error of [passing(), lasting()]) {
      const { flow, calls } = kitchen(cold(), { act: { heat: [error] } });
      await assert.rejects(run(flow, cook().hands));
      assert.equal(calls.filter((call) => call === 'act heat').length, 1);
    }
  });

  it('may look again even there: nothing was sent yet', async () => {
    const kettle = cold();
    const { flow, calls } = kitchen(kettle, { look: { heat: [passing()] } });
    await run(flow, cook().hands);
    assert.deepEqual([kettle.boils, calls.filter((call) => call === 'look heat').length], [1, 2]);
  });

  it('repeats nothing after an error that a second try cannot mend, nor after a Halt', async () => {
    const { flow, calls } = kitchen(cold(), { act: { fill: [lasting()] } });
    await assert.rejects(run(flow, cook().hands), /certificate/);
    assert.equal(calls.length, 2);
    const stuck = kitchen(cold(), { stuckAt: 'fill' });
    await assert.rejects(run(stuck.flow, cook().hands), halted('stuck'));
    assert.equal(stuck.calls.length, 1);
  });

  it('stops between two steps at a signal: the step in hand is finished, the next not begun', async () => {
    for (let after = 0; after < 4; after += 1) {
      const kettle = cold();
      const { flow, calls } = kitchen(kettle);
      await assert.rejects(run(flow, cook({ stopAfter: after }).hands), (error) => halted('stopped')(error) && (error as Halt).exitCode === 143);
      assert.equal(calls.filter((call) => call.startsWith('act')).length, after);
      assert.equal(await run(kitchen(kettle).flow, cook().hands), 'a black tea');
    }
  });

  it('stops where the lock is no longer ours, before it acts again', async () => {
    const { flow, calls } = kitchen(cold());
    await assert.rejects(run(flow, cook({ lostAfter: 1 }).hands), halted('lock-lost'));
    assert.deepEqual(calls, ['look fill', 'act fill']);
  });

  it('asks before each step whether the lock is still ours, and not only where it tells by itself', async () => {
    const { flow, calls } = kitchen(cold());
    let known: string | undefined;
    const { hands } = cook();
    const lock = { lost: () => known, confirm: async () => { if (calls.length > 0) known = 'the Lease: bob has it'; } };
    await assert.rejects(run(flow, { ...hands, lock } as unknown as typeof hands), halted('lock-lost'));
    assert.deepEqual(calls, ['look fill', 'act fill']);
  });

  it('tells a node and a manager that went away apart, by page and by exit code', async () => {
    const ends: [Error, string, number][] = [
      [new WireError('http://127.0.0.1:8200', 'unknown', 'the connection was reset'), 'vault-cut-off', 8],
      [new HostError('node2', 'unreachable', 'the connection was cut'), 'manager-cut-off', 5],
      [new HostError('node2', 'fenced', 'the lock names another operation'), 'lock-lost', 6],
    ];
    for (const [error, code, exit] of ends) {
      await assert.rejects(run(kitchen(cold(), { act: { heat: [error] } }).flow, cook().hands), (thrown) => halted(code)(thrown) && (thrown as Halt).exitCode === exit && (thrown as Halt).cause === error);
    }
  });

  it('of a table that goes round in circles ends as our bug, not as a wait for ever', async () => {
    const { flow } = kitchen({ water: true, boils: 1, tea: 'black', poured: true });
    const circle = { ...flow, arrows: flow.arrows.map((arrow) => (arrow.is === 'step' && arrow.from === 'black' ? { ...arrow, to: 'filled' as const } : arrow)) };
    await assert.rejects(run(circle, cook().hands), /did not end after 64 arrows/);
  });
});

describe('a plan', () => {
  const eyes = (hands: Hands & Prover): Eyes => hands;

  it('changes nothing: it never calls act or prove, from whatever state it starts', async () => {
    for (const kettle of [cold(), { ...cold(), water: true }, { water: true, boils: 1, tea: undefined, poured: false }, { water: true, boils: 1, tea: 'black' as const, poured: true }]) {
      const before = structuredClone(kettle);
      const { flow, calls } = kitchen(kettle);
      await plan(flow, eyes(cook().hands));
      assert.deepEqual(calls.filter((call) => call.startsWith('act')), []);
      assert.deepEqual(kettle, before);
    }
  });

  it('cannot: eyes are no hands, and a step takes nothing less', () => {
    const { flow } = kitchen(cold());
    const onlyEyes = cook().hands as Eyes;
    const never = () => {
      // @ts-expect-error: a flow does not run on eyes
      void run(flow, onlyEyes);
      const arrow = flow.arrows[0]!;
      // @ts-expect-error: no step acts with eyes
      if (arrow.is === 'step') void arrow.step.act(onlyEyes, undefined as never);
    };
    assert.equal(typeof never, 'function');
  });

  it('says what is there already, and of the rest what a run would do', async () => {
    const marks = async (kettle: Kettle, faults?: Plan) => (await plan(kitchen(kettle, faults).flow, eyes(cook().hands))).map(({ step, mark }) => `${step} ${mark}`);
    assert.deepEqual(await marks({ ...cold(), water: true }), ['fill already', 'heat would', 'which would', 'pour would']);
    assert.deepEqual(await marks({ water: true, boils: 1, tea: undefined, poured: false }), ['fill already', 'heat already', 'which unproven', 'pour already']);
    assert.deepEqual(await marks({ water: true, boils: 1, tea: 'black', poured: false }), ['fill already', 'heat already', 'which looked', 'stir would']);
    assert.equal((await marks(cold(), { skip: 'fill' }))[0], 'fill skipped');
  });

  it('says why something is unproven', async () => {
    const lines = await plan(kitchen({ water: true, boils: 1, tea: undefined, poured: false }).flow, eyes(cook().hands));
    assert.equal(lines[2]?.note, 'nobody said');
  });

  it('look past a step whose end is known before it is done, and keep what each look said', async () => {
    const { arrow } = arrowsOf<{ a: undefined; b: string; c: string }>();
    const flow: Flow<{ a: undefined; b: string; c: string }> = { name: 'x', title: 'x', start: 'a', end: 'c', arrows: [
      arrow('a', { name: 'one', title: 'one', kind: 'repeat', look: async (seen) => { seen.tell({ is: 'note', text: '+ it' }); return { is: 'pending', out: 'known' }; }, act: async () => 'known' }, 'b'),
      arrow('b', { name: 'two', title: 'two', kind: 'check', look: async (_seen, record) => ({ is: 'done', out: `${record} too` }), act: async () => '' }, 'c'),
    ] };
    assert.deepEqual((await plan(flow, eyes(cook().hands))).map(({ step, mark, differences }) => [step, mark, differences]), [['one', 'would', ['+ it']], ['two', 'already', undefined]]);
  });

  it('halts where a run would halt at once', async () => {
    await assert.rejects(plan(kitchen(cold(), { stuckAt: 'fill' }).flow, eyes(cook().hands)), halted('stuck'));
  });
});

describe('a table', () => {
  it('does not compile with an arrow whose records do not fit', () => {
    const { arrow, fork } = arrowsOf<States>();
    const fromString: Step<string, string> = { name: 'x', title: 'x', kind: 'check', look: async () => ({ is: 'pending' }), act: async () => '' };
    const toNumber: Step<undefined, number> = { name: 'x', title: 'x', kind: 'check', look: async () => ({ is: 'pending' }), act: async () => 1 };
    const toSugar: Fork<string, { sugar: string }> = { name: 'x', title: 'x', look: async () => ({ to: 'sugar', record: '' }) };
    const never = () => {
      // @ts-expect-error: cold has no record, and this step wants one
      arrow('cold', fromString, 'filled');
      // @ts-expect-error: filled has a text, and this step gives a number
      arrow('cold', toNumber, 'filled');
      // @ts-expect-error: there is no state of that name
      fork('filled', toSugar, 'sugar');
    };
    assert.equal(typeof never, 'function');
  });

  it('with no arrow or two from one state is our bug, and says so', () => {
    const { flow } = kitchen(cold());
    assert.throws(() => arrowFrom({ ...flow, arrows: [] }, 'cold'), /flow tea: 0 arrows leave cold/);
    assert.throws(() => arrowFrom({ ...flow, arrows: [...flow.arrows, flow.arrows[0]!] }, 'cold'), /2 arrows leave cold/);
  });

  it('is drawn as it runs', () => {
    assert.equal(draw(kitchen(cold()).flow), `stateDiagram-v2
  direction TB
  [*] --> cold
  cold --> filled: fill it
  filled --> hot: heat it
  hot --> green: which tea?
  hot --> black: which tea?
  green --> served: pour it
  black --> served: stir it
  served --> [*]
`);
  });
});
