import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { systemClock } from '../../src/adapters/clock.ts';
import { serverBinary, startVault } from '../real/vault.ts';
import { aloneWith, Conversation, type Family, togetherWith } from './conversation.ts';
import { type Recording, recordingOf, recordingPath, RECORDINGS } from './recorded.ts';
import { overHttp } from './speakers.ts';

/*
 * Holds both conversations with the real server of the tests and writes down what it says:
 *
 *   node test/contract/record.ts                                        (Vault, as the tests find it)
 *   VAULTCTL_TEST_SERVER=/path/to/bao node test/contract/record.ts      (another one)
 *
 * A recording changes with the server's version only. Read the difference before it is checked in.
 */

/** Servers of their own below a new folder, ended whatever happens. */
export async function record(server: string, family: Family): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), 'vaultctl-record-'));
  const [alone, together] = [new Conversation(overHttp, family), new Conversation(overHttp, family)];
  try {
    for (const nodes of [1, 3]) {
      const servers = await startVault(join(folder, String(nodes)), { nodes });
      try {
        const [first, second = '', third = ''] = servers.addresses as [string, string?, string?];
        if (nodes === 1) await aloneWith(alone, first, systemClock);
        else await togetherWith(together, [first, second, third], systemClock);
      } finally {
        await servers.close();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return recordingOf(server, alone, together);
}

if (process.argv[1] === import.meta.filename) {
  const { name } = await serverBinary();
  const known = RECORDINGS.find(({ like }) => like.test(name));
  if (known === undefined) throw new Error(`${name}: add it to RECORDINGS in test/contract/recorded.ts, with the family of its rekey`);
  const path = recordingPath(known.file);
  mkdirSync(dirname(path), { recursive: true });
  const { server, family, alone, together } = await record(name, known.family);
  const lines = (part: Recording['alone']) => part.map((exchange) => `    ${JSON.stringify(exchange)}`).join(',\n');
  writeFileSync(path, `{\n  "server": ${JSON.stringify(server)},\n  "family": ${JSON.stringify(family)},\n  "alone": [\n${lines(alone)}\n  ],\n  "together": [\n${lines(together)}\n  ]\n}\n`);
  process.stdout.write(`${alone.length + together.length} answers of ${name} are in ${path}\n`);
}
