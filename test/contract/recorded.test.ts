import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { notRun } from '../not-run.ts';
import { serverBinary } from '../real/vault.ts';
import { record } from './record.ts';
import { differences, readRecording, recordingPath, RECORDINGS } from './recorded.ts';

describe('the recorded answers of real servers', () => {
  it('hold no share, no token, no nonce and no address', () => {
    const files = readdirSync(dirname(recordingPath('x')));
    assert.deepEqual(files.toSorted(), RECORDINGS.map(({ file }) => `${file}.json`).toSorted());
    for (const file of files) {
      const text = readFileSync(join(dirname(recordingPath('x')), file), 'utf8');
      for (const secret of [/\bhv[sbr]\.\w/, /"[sbr]\.\w{8,}/, /[0-9a-fA-F]{16,}/, /[A-Za-z0-9+/]{40,}/, /[0-9a-f]{8}-[0-9a-f]{4}/, /127\.0\.0\.1|localhost/, /vault-cluster-/]) {
        const found = secret.exec(text);
        assert.equal(found, null, `${file} holds ${found?.[0].slice(0, 4)}… (like ${String(secret)}) in ${text.slice(Math.max(0, (found?.index ?? 0) - 60), found?.index)}`);
      }
    }
  });

  it('name the server that gave them, in a family whose rekey vaultctl knows', () => {
    for (const { file, like, family } of RECORDINGS) {
      const { server, family: recorded, alone, together } = readRecording(file);
      assert.match(server, like);
      assert.equal(recorded, family);
      assert.ok(alone.length > 80 && together.length > 15);
    }
  });
});

const { name } = await serverBinary();
const known = RECORDINGS.find(({ like }) => like.test(name));
if (known === undefined) notRun('the answers of the real server compared with the recorded ones', `there is no recording of ${name}`);
else {
  it(`the real server in use (${name}) still answers as recorded`, async () => {
    const [recorded, now] = [readRecording(known.file), await record(name, known.family)];
    const found = [...differences(recorded.alone, now.alone), ...differences(recorded.together, now.together)];
    assert.deepEqual(found, [], found.join('\n'));
    assert.deepEqual(now.alone.map(({ headers }) => headers), recorded.alone.map(({ headers }) => headers));
  });
}
