import type { Step } from '../engine/flow.ts';
import { stopWhereAsked } from '../engine/run.ts';
import type { Eyes } from '../engine/world.ts';
import { applyManifest, compareManifest, type Kinds, nameOf } from '../kubernetes/apply.ts';
import type { Extra, ExtraCommand } from '../model/deployment.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';

type When = 'pre' | 'post';

/** The manifests and commands that the inventory wants before the chart, or after Vault is configured; each is looked at by its own check. */
export function installExtras<R>(when: When): Step<R, R> {
  return {
    name: `install-${when}`, title: when === 'pre' ? 'bring about what comes before the chart' : 'bring about what comes after', kind: 'repeat',
    unasked: (eyes) => eyes.settings.deployment[when].length === 0,
    look: async (eyes, record) => {
      const items = eyes.settings.deployment[when];
      const kinds: Kinds = new Map();
      let all = true;
      for (const item of items) {
        const line = await missing(eyes, item, kinds);
        if (line === undefined) continue;
        all = false;
        eyes.tell({ is: 'note', text: line });
      }
      return all ? { is: 'done', out: record } : { is: 'pending', out: record };
    },
    act: async (hands, record) => {
      const kinds: Kinds = new Map();
      for (const item of hands.settings.deployment[when]) {
        // Looked at once more: what stands before it may have brought it about, or made it necessary.
        if (await missing(hands, item, kinds) === undefined) continue;
        stopWhereAsked('install', hands);
        if (item.is === 'manifest') {
          await applyManifest(await hands.kube!(), item.object, hands.settings.kubernetes!.namespace, kinds);
          continue;
        }
        const failed = await hands.programHands!.run(item.argv);
        const why = failed ?? (await isDone(hands, item) ? undefined : ['it ended with 0, and its own check still says that it was not done']);
        if (why !== undefined) throw new Halt(haltTexts.extraFailed(item.name, why, `vault_install_${when}`, hands.settings.inventory));
      }
      return record;
    },
  };
}

/** As a plan shows it; undefined: it is as wanted. */
async function missing(eyes: Eyes, item: Extra, kinds: Kinds): Promise<string | undefined> {
  if (item.is === 'command') return await isDone(eyes, item) ? undefined : `+ run: ${item.name}`;
  const compared = await compareManifest(await eyes.kube!(), item.object, eyes.settings.kubernetes!.namespace, kinds);
  switch (compared.is) {
    case 'as-wanted': return undefined;
    case 'absent': return `+ ${nameOf(item.object)}`;
    case 'unknown-kind': return `+ ${nameOf(item.object)} (the API server knows no such kind yet)`;
    case 'differs': return `~ ${nameOf(item.object)}: ${compared.fields.join(', ')}`;
  }
}

async function isDone(eyes: Eyes, { creates, unless }: ExtraCommand): Promise<boolean> {
  if (creates !== undefined && await eyes.programs!.exists(creates)) return true;
  return unless !== undefined && eyes.programs!.holds(unless);
}
