import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { sameSet } from '../../src/model/keys.ts';
import { done, halted, World } from './world.ts';

let world: World;
before(async () => { world = await World.start(); });
after(() => world.close());

/** A server that says one thing to everybody; closed at the end of the test. */
async function fake(answer: (response: ServerResponse) => void): Promise<{ address: string; close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => { request.resume(); answer(response); });
  // A claim that fails must not leave the run waiting for it.
  server.unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => { server.close(); server.closeAllConnections(); await once(server, 'close'); },
  };
}

/** Nobody listens there. */
async function deadAddress(): Promise<string> {
  const { address, close } = await fake((response) => response.end());
  await close();
  return address;
}

const commands = ['install', 'rotate', 'unseal', 'verify', 'distribute'];

test('Vault unreachable: every command stops (8) and touches nothing', async () => {
  await world.installed();
  await world.node.stop();
  const before_ = world.tree();
  for (const command of commands) assert.equal((await world.run(command)).code, 8, command);
  assert.equal((await world.run('status')).code, 8);
  assert.equal(world.tree(), before_);
  await world.node.start();
});

test('half of the nodes unreachable and none initialised: nothing is initialised (8)', async () => {
  await world.fresh();
  world.addresses = [world.address, await deadAddress()];
  const before_ = world.tree();
  halted(await world.run('install'), 8, 'vault-unreachable');
  assert.equal((await world.run('status')).code, 8);
  assert.equal(world.tree(), before_);
  assert.equal((await world.vault.sealStatus(world.address)).initialized, false);
});

test('half of the nodes unreachable and one initialised: it is served, and the rest is said (8) or allowed', async () => {
  const set = await world.installed();
  const dead = await deadAddress();
  world.addresses = [world.address, dead];
  await world.restart();
  const halt = halted(await world.run('unseal'), 8, 'nodes-closed');
  assert.match(halt.details!.join(), new RegExp(dead));
  await world.untilLed();
  const before_ = world.tree();
  halted(await world.run('rotate'), 8, 'vault-unreachable');
  assert.equal((await world.run('install')).code, 8);
  assert.equal((await world.run('status')).code, 8);
  assert.equal(world.tree(), before_);
  done(await world.run('install', '--allow-missing-node', dead));
  done(await world.run('rotate', '--allow-missing-node', dead));
  world.addresses = world.servers.addresses;
  assert.ok(!sameSet(await world.settled(), set));
});

test('a Vault that unseals itself is refused (7) by name of its seal', async () => {
  await world.installed();
  const seal = await fake((response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ type: 'awskms', initialized: true, sealed: false, t: 2, n: 3, progress: 0, nonce: '', version: '1.21.0', storage_type: 'raft', recovery_seal: true }));
  });
  world.addresses = [seal.address];
  const before_ = world.tree();
  for (const command of commands) assert.match(halted(await world.run(command), 7, 'auto-unseal').what, /awskms/, command);
  const status = await world.run('status');
  assert.equal(status.code, 7, status.out);
  assert.match(status.out, /awskms/);
  assert.equal(world.tree(), before_);
  await seal.close();
});

const strangers: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
  ['an HTML page', (response) => { response.setHeader('content-type', 'text/html'); response.end('<html><body>It works!</body></html>'); }, /not|JSON/],
  ['JSON of something else', (response) => { response.setHeader('content-type', 'application/json'); response.end('{"status": "ok"}'); }, /is this address a Vault server/],
  ['nothing', (response) => response.end(), /not|JSON|Vault/],
  ['a redirect to another host', (response) => { response.statusCode = 307; response.setHeader('location', 'http://other.test:8200/v1/sys/seal-status'); response.end(); }, /other\.test/],
  ['an error of a proxy', (response) => { response.statusCode = 502; response.end('<h1>Bad gateway</h1>'); }, /502/],
];
for (const [what, answer, why] of strangers) {
  test(`an address that answers with ${what} is no Vault: every command stops (8), says so, and touches nothing`, async () => {
    await world.installed();
    const stranger = await fake(answer);
    world.addresses = [stranger.address];
    const before_ = world.tree();
    for (const command of commands) {
      const ran = await world.run(command);
      assert.equal(ran.code, 8, `${command}: ${ran.page}`);
      assert.match(ran.page, why, command);
      assert.match(ran.page, new RegExp(stranger.address), command);
    }
    assert.equal((await world.run('status')).code, 8);
    assert.equal(world.tree(), before_);
    await stranger.close();
  });
}

test('most managers unreachable: no flow begins (5), and unseal needs one source of keys only', async () => {
  await world.installed();
  await world.restart();
  for (const name of ['m1', 'm2']) world.away.add(name);
  const before_ = world.tree();
  for (const command of ['install', 'rotate', 'distribute', 'verify']) halted(await world.run(command), 5, 'no-majority');
  assert.equal(world.tree(), before_);
  done(await world.run('unseal'));
  world.away.add('m3');
  await world.restart();
  assert.notEqual((await world.run('unseal')).code, 0);
  assert.notEqual((await world.run('install')).code, 0);
});

test('the master manager lost after an install that was cut off: another goes on from its copy', async () => {
  const set = await world.installed();
  for (const name of world.managers) { if (name !== 'm2') world.remove(name, 'main', 'about'); }
  world.remove('m2', 'about');
  world.away.add('m1');
  halted(await world.run('install'), 5, 'undelivered');
  done(await world.run('install', '--limit', 'm2', '--allow-missing', 'm1'));
  assert.ok(sameSet(world.set('m3'), set));
  world.away.clear();
  done(await world.run('distribute'));
  await world.settled();
});
