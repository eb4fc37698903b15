import assert from 'node:assert/strict';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import fc from 'fast-check';
import { redact, redactedJson, Secret } from '../../src/model/secret.ts';
import { type KeySet, sameSet, sameShares } from '../../src/model/keys.ts';

const VALUE = 'hvs.this-must-never-be-seen';
const secret = new Secret(VALUE);

function printed(print: (console: Console) => void): string {
  let text = '';
  const stream = new Writable({ write: (chunk, _encoding, done) => { text += String(chunk); done(); } });
  print(new Console({ stdout: stream, stderr: stream }));
  return text;
}

const ways: Record<string, () => string> = {
  'a template string': () => `${secret as unknown as string}`,
  'a sum of strings': () => 'token: ' + String(secret),
  'a list that is joined': () => [secret, secret].join(),
  JSON: () => JSON.stringify({ deep: [{ token: secret }] }),
  inspect: () => inspect(secret),
  'inspect with everything hidden shown': () => inspect({ deep: [secret] }, { showHidden: true, depth: 9, getters: true }),
  'util.format %s': () => format('%s', secret), 'util.format %o': () => format('%o', { secret }), 'util.format %O': () => format('%O', { secret }),
  'util.format %j': () => format('%j', { secret }), 'util.format without a mark': () => format(secret, { secret }),
  'console.log': () => printed((console) => { console.log(secret, { secret }, [secret]); }),
  'console.dir': () => printed((console) => { console.dir({ secret }, { showHidden: true, depth: 5 }); }),
  'console.table': () => printed((console) => { console.table([{ secret }]); }),
  'an error that carries it': () => inspect(Object.assign(new Error(`refused ${secret as unknown as string}`, { cause: secret }), { secret })),
  'an assertion that compares it': () => { try { assert.deepEqual({ secret }, { secret: 1 }); return ''; } catch (error) { return `${(error as Error).message}${inspect(error)}`; } },
  'a copy of its fields': () => inspect({ ...secret }) + JSON.stringify(Object.assign({}, secret)),
  'its keys': () => Reflect.ownKeys(secret).map(String).join(),
  'a structured clone': () => inspect(structuredClone(secret)),
  'a Map key': () => inspect(new Map([[secret, secret]])),
};

describe('a Secret', () => {
  for (const [way, show] of Object.entries(ways)) {
    it(`is not seen through ${way}`, () => { assert.doesNotMatch(show(), /hvs\.|must-never/); });
  }

  it('is shown as [redacted], so that a reader sees that something stood there', () => {
    for (const way of ['a template string', 'JSON', 'inspect', 'util.format %s', 'util.format %j', 'console.log', 'a Map key']) assert.match(ways[way]!(), /\[redacted\]/, way);
  });

  it('gives its value to reveal() alone', () => {
    assert.equal(secret.reveal(), VALUE);
    assert.equal(secret.equals(new Secret(VALUE)), true);
    assert.equal(secret.equals(new Secret(`${VALUE}.`)), false);
    assert.equal(new Secret('').empty, true);
  });
});

describe('foreign text', () => {
  it('is cleaned of every secret this process knows, as often as it stands there', () => {
    assert.equal(redact(`403: token ${VALUE} is bad (${VALUE})`), '403: token [redacted] is bad ([redacted])');
    assert.equal(redact('nothing to hide'), 'nothing to hide');
  });

  it('keeps no rest of a secret that begins with another one', () => {
    const short = new Secret('correct-horse');
    const long = new Secret('correct-horse-battery-staple');
    assert.equal(redact(`sudo: ${long.reveal()}; ssh: ${short.reveal()}`), 'sudo: [redacted]; ssh: [redacted]');
  });

  it('is cleaned in JSON too, where a quote or an umlaut of the secret is written differently', () => {
    const password = new Secret('pass"word\\with\tü');
    const text = redactedJson({ is: 'note', text: `sudo said: ${password.reveal()}`, deep: [{ why: password.reveal() }] });
    assert.deepEqual(JSON.parse(text), { is: 'note', text: 'sudo said: [redacted]', deep: [{ why: '[redacted]' }] });
  });

  it('never shows a secret, whatever stands around it', () => {
    fc.assert(fc.property(fc.string(), fc.base64String({ minLength: 24, maxLength: 48 }), fc.string(), (before, value, after) => {
      new Secret(value);
      assert.equal(redact(before + value + after).includes(value), false);
      assert.equal(redactedJson({ text: before + value + after }).includes(value), false);
    }), { numRuns: 200 });
  });
});

describe('two sets of keys', () => {
  const share = (fill: number) => new Secret(Buffer.alloc(33, fill).toString('base64'));
  const set = (token: string, threshold: number, ...fills: number[]): KeySet => ({ rootToken: new Secret(token), shares: fills.map(share), threshold });

  it('are the same shares in any order, with the same threshold; the root token is not part of that', () => {
    assert.equal(sameShares(set('a', 2, 1, 2, 3), set('b', 2, 3, 1, 2)), true);
    assert.equal(sameShares(set('a', 2, 1, 2, 3), set('a', 3, 1, 2, 3)), false);
    assert.equal(sameShares(set('a', 2, 1, 2, 3), set('a', 2, 1, 2, 4)), false);
    assert.equal(sameShares(set('a', 2, 1, 2, 3), set('a', 2, 1, 2)), false);
  });

  it('are the same set only with the same root token', () => {
    assert.equal(sameSet(set('a', 2, 1, 2), set('a', 2, 2, 1)), true);
    assert.equal(sameSet(set('a', 2, 1, 2), set('b', 2, 1, 2)), false);
    assert.equal(sameSet(set('', 2, 1, 2), set('a', 2, 1, 2)), false);
  });
});
