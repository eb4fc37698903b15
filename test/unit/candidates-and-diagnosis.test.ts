import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cameFrom, candidatesOf, isIntent, preferring, setsIn } from '../../src/engine/candidates.ts';
import { diagnose } from '../../src/engine/diagnose.ts';
import type { Paper, Survey } from '../../src/engine/survey.ts';
import { exitCodes, type ExitName } from '../../src/model/halt.ts';
import { sameSet } from '../../src/model/keys.ts';
import { healthy, installHeld, installIntent, keys, node, paper, rotateIntent, rotateStaged, withPapers } from './survey-world.ts';

const main = (generation: number) => paper('main', { set: keys(generation) });
const none: readonly Paper[] = [];
const damaged = { unreadable: 'it is not JSON (cut off?)' };

describe('candidates', () => {
  const sets = (survey: Survey) => candidatesOf(survey).map(({ set }) => [1, 2, 3, 4, 5].find((generation) => sameSet(set, keys(generation))));

  it('are the distinct sets of shares, each with every place where it stands', () => {
    const [only, ...more] = candidatesOf(healthy());
    assert.deepEqual([only?.sources.map(({ host }) => host), more], [['node1', 'node2', 'node3'], []]);
  });

  it('come in the order in which they are likely to be live: main, checkpoint, sibling, OLD half, previous', () => {
    const survey = healthy({ managers: withPapers(
      [paper('previous', { set: keys(5) }), paper('sibling', { checkpoint: { top: keys(3) } })],
      [paper('rotate', { checkpoint: rotateStaged(keys(4), keys(2)) })],
      [main(1)],
    ) });
    assert.deepEqual(sets(survey), [1, 2, 3, 4, 5]);
  });

  it('that are the same shares with another root token are one', () => {
    const survey = healthy({ managers: withPapers([main(1)], [paper('main', { set: keys(1, 'hvs.another-token') })], [main(2)]) });
    assert.deepEqual(candidatesOf(survey).map(({ sources }) => sources.length), [2, 1]);
  });

  it('are not found in what is unreadable, blank or only intended, nor on managers that were not reached', () => {
    assert.deepEqual(candidatesOf(healthy({ managers: withPapers([paper('main', damaged)], [paper('install', { checkpoint: installIntent }), paper('sibling', 'blank')], 'away') })), []);
  });

  it('can be put first without losing any', () => {
    const survey = healthy({ managers: withPapers([main(1)], [paper('install', { checkpoint: installHeld(keys(2)) })], [paper('previous', { set: keys(3) })]) });
    const preferred = preferring(candidatesOf(survey), (candidate) => cameFrom(candidate, 'install'));
    assert.deepEqual(preferred.map(({ sources }) => sources[0]?.role), ['install', 'main', 'previous']);
  });

  it('of a committed rotation count NEW once, though it stands at the top and below', () => {
    const committed = paper('rotate', { checkpoint: { ...rotateStaged(keys(1), keys(2)), top: keys(2) } });
    assert.deepEqual(setsIn(committed).map(({ part }) => part), ['whole', 'old']);
  });

  it('an intent is a checkpoint without keys of its own, be it an install or a rotation', () => {
    assert.deepEqual([installIntent, rotateIntent(keys(1)), installHeld(keys(1)), rotateStaged(keys(1), keys(2))].map((checkpoint) => isIntent(paper('rotate', { checkpoint }))), [true, true, false, false]);
    assert.equal(isIntent(paper('install', damaged)), false);
  });
});

const uninitialised = [1, 2, 3].map((number) => node(number, 'uninitialised'));

/** One change to the healthy world: the verdict, its exit and the command that comes next. */
const cases: Record<string, { survey: Survey; exit: ExitName; verdict: RegExp; next: string | undefined; problem?: RegExp }> = {
  'nothing is wrong': { survey: healthy(), exit: 'done', verdict: /^healthy/, next: undefined },
  'no node answers': { survey: healthy({ nodes: [node(1, 'away'), node(2, 'away')] }), exit: 'unreachable', verdict: /cannot be reached/, next: undefined, problem: /connection refused/ },
  'all that answer are uninitialised, one is silent': { survey: healthy({ managers: withPapers(none, none, none), nodes: [node(1, 'uninitialised'), node(2, 'away')] }), exit: 'unreachable', verdict: /cannot be told/, next: undefined },
  'Vault is new': { survey: healthy({ managers: withPapers(none, none, none), nodes: uninitialised }), exit: 'resumable', verdict: /not initialised yet/, next: 'install' },
  'Vault is new, and an install was only intended': { survey: healthy({ managers: withPapers([paper('install', { checkpoint: installIntent })], none, none), nodes: uninitialised }), exit: 'resumable', verdict: /not initialised yet/, next: 'install' },
  'Vault is new, a manager is away': { survey: healthy({ managers: withPapers(none, none, 'away'), nodes: uninitialised }), exit: 'undelivered', verdict: /not every manager can be reached/, next: 'install' },
  'Vault is new, and keys are there': { survey: healthy({ nodes: uninitialised }), exit: 'refused', verdict: /keys are on the managers: of another cluster, or of one that lost its data/, next: 'recover' },
  'a rotation was interrupted': { survey: healthy({ managers: withPapers([main(1), paper('rotate', { checkpoint: rotateStaged(keys(1), keys(2)) })]) }), exit: 'resumable', verdict: /rotation was interrupted/, next: 'rotate', problem: /node1:\/k\/rotate\.tmp/ },
  'a rotation was only intended': { survey: healthy({ managers: withPapers([main(1), paper('rotate', { checkpoint: rotateIntent(keys(1)) })]) }), exit: 'resumable', verdict: /rotation was interrupted/, next: 'rotate' },
  'a rotation was interrupted, Vault is sealed': { survey: healthy({ managers: withPapers([main(1), paper('rotate', { checkpoint: rotateStaged(keys(1), keys(2)) })]), nodes: [node(1, 'sealed')] }), exit: 'resumable', verdict: /rotation was interrupted/, next: 'rotate' },
  'an install was interrupted': { survey: healthy({ managers: withPapers([paper('install', { checkpoint: installHeld(keys(1)) })], none, none) }), exit: 'resumable', verdict: /install was interrupted: its checkpoint holds the keys/, next: 'install' },
  'an install checkpoint is damaged, and nothing else is there': { survey: healthy({ managers: withPapers([paper('install', damaged)], none, none) }), exit: 'refused', verdict: /cannot be read, and there is no other copy/, next: 'recover' },
  'the only main is damaged': { survey: healthy({ managers: withPapers([paper('main', damaged)], none, none) }), exit: 'refused', verdict: /cannot be read, and there is no other copy/, next: 'recover' },
  'the only main is damaged, and a manager is away': { survey: healthy({ managers: withPapers([paper('main', damaged)], none, 'away') }), exit: 'undelivered', verdict: /cannot be told from a loss/, next: 'status' },
  'no keys anywhere': { survey: healthy({ managers: withPapers(none, none, none) }), exit: 'lost', verdict: /^Credentials LOST/, next: 'recover' },
  'no keys anywhere that answered': { survey: healthy({ managers: withPapers(none, none, 'away') }), exit: 'undelivered', verdict: /cannot be told from a loss/, next: 'status' },
  'init was intended and happened, and no keys came': { survey: healthy({ managers: withPapers([paper('install', { checkpoint: installIntent })], none, none), nodes: [node(1, 'sealed')] }), exit: 'lost', verdict: /^Credentials LOST/, next: 'recover' },
  'a node is sealed': { survey: healthy({ nodes: [node(1, 'active'), node(2, 'sealed'), node(3, 'standby')] }), exit: 'resumable', verdict: /1 of 3 nodes is sealed/, next: 'unseal', problem: /127\.0\.0\.2:8200: sealed/ },
  'a node has not joined': { survey: healthy({ nodes: [node(1, 'active'), node(2, 'uninitialised'), node(3, 'standby')] }), exit: 'resumable', verdict: /1 of 3 nodes is sealed/, next: 'unseal', problem: /not joined/ },
  'every node is open and none is active': { survey: healthy({ nodes: [node(1, 'standby'), node(2, 'standby')] }), exit: 'unreachable', verdict: /no node is active/, next: 'status' },
  'a manager lacks the file': { survey: healthy({ managers: withPapers(undefined, none) }), exit: 'resumable', verdict: /not every manager holds the same keys/, next: 'distribute', problem: /node2:.*missing/ },
  'a manager holds other keys': { survey: healthy({ managers: withPapers(undefined, [main(2)]) }), exit: 'resumable', verdict: /not every manager holds the same keys/, next: 'distribute', problem: /node2:.*differs from node1/ },
  'a manager holds another token': { survey: healthy({ managers: withPapers(undefined, [paper('main', { set: keys(1, 'hvs.another-token') })]) }), exit: 'resumable', verdict: /not every manager/, next: 'distribute', problem: /differs/ },
  'a file is damaged, others are fine': { survey: healthy({ managers: withPapers(undefined, [paper('main', damaged)]) }), exit: 'resumable', verdict: /not every manager/, next: 'distribute', problem: /node2:.*not JSON/ },
  'a file can be read by others': { survey: healthy({ managers: withPapers(undefined, [paper('main', { set: keys(1) }, { tooOpen: true })]) }), exit: 'resumable', verdict: /not every manager/, next: 'distribute', problem: /can be read by others/ },
  'a crash left a sibling with keys': { survey: healthy({ managers: withPapers(undefined, [main(1), paper('sibling', { checkpoint: { top: keys(1) } })]) }), exit: 'resumable', verdict: /not every manager/, next: 'distribute', problem: /ab12\.keys: left over/ },
  'a crash left an empty sibling': { survey: healthy({ managers: withPapers(undefined, [main(1), paper('sibling', 'blank')]) }), exit: 'done', verdict: /^healthy/, next: undefined },
  'an intent was left beside good keys': { survey: healthy({ managers: withPapers(undefined, [main(1), paper('install', { checkpoint: installIntent })]) }), exit: 'resumable', verdict: /not every manager/, next: 'distribute', problem: /init\.tmp: left over/ },
  'a previous set is kept': { survey: healthy({ managers: withPapers([main(1), paper('previous', { set: keys(2) })]) }), exit: 'done', verdict: /^healthy/, next: undefined },
  'a manager is away': { survey: healthy({ managers: withPapers(undefined, 'away') }), exit: 'undelivered', verdict: /a manager does not answer/, next: 'status', problem: /node2: no answer/ },
  'a node is away': { survey: healthy({ nodes: [node(1, 'active'), node(2, 'away'), node(3, 'standby')] }), exit: 'unreachable', verdict: /a Vault node does not answer/, next: 'status', problem: /connection refused/ },
};

describe('the verdict where', () => {
  for (const [name, { survey, exit, verdict, next, problem }] of Object.entries(cases)) {
    it(`${name}: exit ${exitCodes[exit]}${next === undefined ? '' : `, next ${next}`}`, () => {
      const found = diagnose(survey, 'hosts.yaml');
      assert.match(found.verdict, verdict);
      assert.deepEqual([found.exit, found.code], [exit, exitCodes[exit]]);
      assert.deepEqual(found.next, next === undefined ? [] : [`vaultctl ${next} -i hosts.yaml`]);
      if (problem !== undefined) assert.match(found.problems.join('\n'), problem);
    });
  }

  it('shows no secret, whatever is wrong', () => {
    for (const { survey } of Object.values(cases)) assert.doesNotMatch(JSON.stringify(diagnose(survey, 'hosts.yaml')), /hvs\.|[A-Za-z0-9+/]{40}/);
  });
});
