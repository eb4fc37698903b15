import type { Step } from '../engine/flow.ts';
import { stopWhereAsked } from '../engine/run.ts';
import { type Survey, survey } from '../engine/survey.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { missingNodesOf } from './places.ts';

const LOOK_EVERY_MS = 1000;

/** Every node answers: never "Ready", for a sealed Vault is not. */
export function waitForNodes<Out>(flow: string, found: (seen: Survey) => Out): Step<undefined, Out> {
  return {
    name: 'wait-for-nodes', title: 'wait until every Vault node answers', kind: 'repeat',
    look: async (eyes) => {
      const seen = await survey(eyes);
      return missingNodesOf(eyes, seen).length === 0 ? { is: 'done', out: found(seen) } : { is: 'pending' };
    },
    act: async (hands) => {
      const end = hands.clock.now() + hands.settings.timeoutMs;
      let said = '';
      for (;;) {
        const seen = await survey(hands);
        const missing = missingNodesOf(hands, seen);
        if (missing.length === 0) return found(seen);
        if (hands.clock.now() >= end) throw new Halt(haltTexts.vaultUnreachable(missing, hands.settings.inventory));
        const text = missing.map(({ host, why }) => `${host}: ${why}`).join('; ');
        if (text !== said) hands.tell({ is: 'note', text: `waiting: ${text}` });
        said = text;
        stopWhereAsked(flow, hands);
        await hands.clock.sleep(LOOK_EVERY_MS);
      }
    },
  };
}
