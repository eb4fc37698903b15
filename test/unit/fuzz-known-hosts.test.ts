import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { type HostKeyQuestion, KnownKeys, names, parseKnownHosts } from '../../src/adapters/known-hosts.ts';
import { HostError } from '../../src/ports/hosts.ts';
import { damage } from './fuzz-damage.ts';

const NAME = 'node1.example';
function key(type: string, seed: number): Buffer {
  const word = (bytes: Buffer) => { const length = Buffer.alloc(4); length.writeUInt32BE(bytes.length); return Buffer.concat([length, bytes]); };
  return Buffer.concat([word(Buffer.from(type)), word(Buffer.alloc(32, seed))]);
}
const [right, wrong, revoked] = [key('ssh-ed25519', 1), key('ssh-ed25519', 2), key('ecdsa-sha2-nistp256', 3)];
const hashed = (name: string) => { const salt = Buffer.alloc(20, 9); return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`; };
const line = (field: string, blob: Buffer, marker = '') => `${marker}${field} ${blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))} ${blob.toString('base64')} comment`;

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-fuzz-known-'));
after(() => rmSync(folder, { recursive: true }));
let writes = 0;
/** One file written over and over: only its time tells the reader that it changed. */
function question(bytes: Uint8Array, strict: HostKeyQuestion['strict'] = 'yes'): HostKeyQuestion {
  const path = join(folder, 'known_hosts');
  writeFileSync(path, bytes);
  writes += 1;
  utimesSync(path, 1_000_000 + writes, 1_000_000 + writes);
  return { host: 'm1', name: NAME, port: 22, files: [path], strict, aliased: false };
}

/** Right, or one word about why not; anything but a HostError about the key fails. */
function judged(asked: HostKeyQuestion, blob: Buffer): boolean {
  try {
    const warning = new KnownKeys(asked).check(blob);
    assert.ok(warning === undefined || asked.strict !== 'yes');
    return warning === undefined;
  } catch (error) {
    assert.ok(error instanceof HostError && error.kind === 'hostkey', String((error as Error).stack));
    assert.ok(error.message.length < 5000, `${error.message.length} signs`);
    return false;
  }
}

const good = [line(NAME, right), line(hashed(NAME), right), line(`a,${NAME},b`, right), line('*.example', right), line('other.example', wrong), line(hashed('other.example'), wrong), '# a comment', '', line('*', revoked, '@revoked '), line('*.example', wrong, '@cert-authority ')];
const file = fc.shuffledSubarray(good, { minLength: 1 }).map((lines) => Buffer.from(`${lines.join('\n')}\n`));

describe('known_hosts that were damaged', () => {
  it('make a host unknown or refuse to be read: a key that does not stand in them is never right', () => {
    fc.assert(fc.property(file, damage, (whole, damaged) => {
      const bytes = damaged(whole);
      const asked = question(bytes);
      if (judged(asked, right)) assert.ok(bytes.includes(right.toString('base64').replace(/=+$/, '')));
      assert.equal(judged(asked, key('ssh-ed25519', 4)), false);
    }), { numRuns: 1500 });
  });

  it('never let a revoked key pass while the line that revokes it is whole, whatever stands around it', () => {
    const around = fc.oneof(fc.constantFrom(...good), fc.string({ maxLength: 80 }), fc.constantFrom('@revoked', '@', '@@ * x y', '|1|', '|1||', '|1|a|b ssh-ed25519 AAAA', '!*', '\0', '\ufeff', `* ssh-ed25519 ${'A'.repeat(5000)}`)).map((text) => text.replaceAll('\n', ' '));
    fc.assert(fc.property(fc.array(around, { maxLength: 6 }), fc.array(around, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), (first, last, end) => {
      const bytes = Buffer.from([...first, line(NAME, revoked, '@revoked '), line(NAME, revoked), ...last].join(end));
      for (const strict of ['yes', 'no', 'accept-new'] as const) assert.equal(judged(question(bytes, strict), revoked), false);
    }), { numRuns: 200 });
  });

  it('of any bytes are lines or none, and each entry has the key that its type names', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 400, unit: 'binary' }), fc.array(fc.constantFrom('@revoked', ' ', '\t', '\n', '*', '!', '|1|', 'ssh-ed25519', right.toString('base64'), 'AAAA', ',', '[', ']:22', '?')).map((words) => words.join(''))), (text) => {
      for (const entry of parseKnownHosts(text, 'f')) assert.equal(entry.key.toString('latin1', 4, 4 + entry.key.readUInt32BE(0)), entry.type);
    }), { numRuns: 3000 });
    fc.assert(fc.property(fc.string({ maxLength: 200, unit: 'binary' }), fc.string({ maxLength: 60 }), (field, host) => { assert.equal(typeof names(field, host), 'boolean'); }), { numRuns: 3000 });
  });

  it('with lines by the megabyte are read within seconds', () => {
    const size = 4 << 20;
    const huge: Record<string, string> = {
      pattern: line(`${'*a'.repeat(size / 2)}b`, right), patterns: line(Array.from({ length: size / 4 }, () => '*?*').join(','), right), key: `${NAME} ssh-ed25519 ${'A'.repeat(size)}`, salt: line(`|1|${'A'.repeat(size)}|x`, right),
      blanks: ' '.repeat(size), lines: '\n'.repeat(size), words: 'x '.repeat(size / 2), hosts: `${Array.from({ length: size / 120 }, (_, at) => line(`h${at}`, wrong)).join('\n')}\n${line(NAME, right)}`,
    };
    for (const [name, text] of Object.entries(huge)) {
      const begun = performance.now();
      assert.equal(judged(question(Buffer.from(text)), right), name === 'hosts' || name === 'patterns');
      assert.ok(performance.now() - begun < 10_000, `${name}: ${performance.now() - begun} ms`);
    }
  });

  it('that are too large, a pipe or a folder are an error at once, and /dev/null holds nothing', () => {
    const large = join(folder, 'large');
    writeFileSync(large, '');
    truncateSync(large, 200 << 20);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const asked = (path: string): HostKeyQuestion => ({ host: 'm1', name: NAME, port: 22, files: [path], strict: 'no', aliased: false });
    for (const [path, why] of [[large, /larger than 64 MiB/], [pipe, /not a file/], [folder, /not a file/]] as const) assert.throws(() => new KnownKeys(asked(path)), (error) => error instanceof HostError && error.kind === 'hostkey' && why.test(error.message));
    assert.match(new KnownKeys(asked('/dev/null')).check(right) ?? '', /unknown/);
  });
});
