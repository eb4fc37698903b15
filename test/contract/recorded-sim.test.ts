import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimVault } from '../sim/vault.ts';
import { aloneWith, Conversation, type Family, togetherWith } from './conversation.ts';
import { differences, readRecording, type Recording, recordingOf, RECORDINGS } from './recorded.ts';
import { overWire } from './speakers.ts';
import { simClock } from './vault-subjects.ts';

async function simulated(family: Family): Promise<Recording> {
  const clocks = [simClock(), simClock()] as const;
  const one = new SimVault({ clock: clocks[0], family });
  const three = new SimVault({ clock: clocks[1], family, nodes: 3 });
  const [first, second] = [new Conversation(overWire(one.wire()), family), new Conversation(overWire(three.wire()), family)];
  await aloneWith(first, one.addresses[0]!, clocks[0]);
  await togetherWith(second, three.addresses as [string, string, string], clocks[1]);
  return recordingOf('the simulated server', first, second);
}

describe('the simulated server', () => {
  for (const { file, family } of RECORDINGS) {
    it(`answers both conversations as ${file} did: status, fields and types, and every sentence of an error`, async () => {
      const [recorded, sim] = [readRecording(file), await simulated(family)];
      const found = [...differences(recorded.alone, sim.alone), ...differences(recorded.together, sim.together)];
      assert.deepEqual(found, [], found.join('\n'));
    });
  }
});
