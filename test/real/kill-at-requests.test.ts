import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { whatIsWrong } from '../../prove/judge.ts';
import { type Ended, KilledWorld } from './killed-world.ts';

/**
 * Before every request, and after each that changes something or whose answer goes to a disk: a death after any other
 * look leaves what one before it leaves (`npm run prove -- request-boundaries` kills at both all the same).
 */
const boundaries = (requests: readonly string[]) => requests.flatMap((request, index) =>
  (/^GET (?!.*snapshot)/.test(request) ? ['before'] as const : ['before', 'after'] as const).map((when) => ({ at: index + 1, when, request })));

/** The program itself, killed with SIGKILL at every request boundary; two managers on this machine, one real server. */
describe('kill -9 of the real program at every request boundary', { timeout: 900_000 }, () => {
  let world: KilledWorld;
  before(async () => { world = await KilledWorld.start(); });
  after(async () => { await world.end(); });

  async function allIsWell(why: string): Promise<void> {
    assert.equal(await whatIsWrong(world), undefined, why);
  }

  /** How often a run polls for a leader is not the same every time: one that ended well with fewer requests was not hit. */
  function endedBefore(at: number, struck: Ended, why: string): boolean {
    if (struck.signal === 'SIGKILL') return false;
    assert.equal(struck.code, 0, `${why}: it was not killed, and did not end well:\n${struck.text}`);
    assert.ok(world.requests().length < at, `${why}: the request came, and it was not killed`);
    return true;
  }

  it('install: at most the init reply is lost, and then it is recognised; every other kill is finished by the next run', async (t) => {
    assert.equal((await world.run('install')).code, 0);
    const requests = world.requests();
    assert.ok(requests.includes('PUT sys/init'), 'the flow went through the front');
    let lost = 0;
    let kills = 0;
    for (const { at, when, request } of boundaries(requests)) {
      await world.empty();
      const why = `install killed ${when} request ${at} (${request})`;
      const struck = await world.run('install', { at, when, signals: ['SIGKILL'] });
      if (endedBefore(at, struck, why)) continue;
      const hit = world.requests()[at - 1];
      kills += 1;
      const resumed = await world.run('install');
      if (hit === 'PUT sys/init' && when === 'after') {
        assert.equal(resumed.code, 3, `${why}:\n${resumed.text}`);
        assert.match(resumed.text, /nobody ever held these keys/);
        lost += 1;
        continue;
      }
      assert.equal(resumed.code, 0, `${why}:\n${resumed.text}`);
      await allIsWell(why);
    }
    t.diagnostic(`${kills} kills over ${requests.length} requests, init reply never saved: ${lost}, lost otherwise: 0`);
    assert.equal(lost, 1);
  });

  it('rotate: whatever is killed, one set is live, and the next run ends with it everywhere', async (t) => {
    await world.empty();
    assert.equal((await world.run('install')).code, 0);
    const before = world.files()[0];
    assert.equal((await world.run('rotate')).code, 0);
    assert.notEqual(world.files()[0], before);
    const requests = world.requests();
    let kills = 0;
    for (const { at, when, request } of boundaries(requests)) {
      const why = `rotate killed ${when} request ${at} (${request})`;
      const struck = await world.run('rotate', { at, when, signals: ['SIGKILL'] });
      if (endedBefore(at, struck, why)) continue;
      kills += 1;
      const resumed = await world.run('rotate');
      assert.equal(resumed.code, 0, `${why}:\n${resumed.text}`);
      await allIsWell(why);
    }
    t.diagnostic(`${kills} kills over ${requests.length} requests, lost: 0`);
  });
});
