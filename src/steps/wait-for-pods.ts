import { each } from '../engine/each-host.ts';
import type { Step } from '../engine/flow.ts';
import { stopWhereAsked } from '../engine/run.ts';
import { lookAtNode } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { noSet, podReasons } from '../kubernetes/pod-reasons.ts';
import { findVaultPods, type VaultPods } from '../kubernetes/vault-pods.ts';
import { refuseForbidden } from '../kubernetes/rights.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import { KubeError } from '../ports/kube.ts';
import { WireError } from '../ports/vault.ts';
import { diedInItsInit } from '../vault/answers.ts';

const LOOK_EVERY_MS = 1000;
/** So that reasons that change by the second do not fill a screen. */
const SAY_EVERY_MS = 3000;
/** A certificate that is wrong stays wrong; one whose Secret is being made at this moment is not waited for in vain. */
const WRONG_FOR_MS = 15_000;

interface Waiting {
  readonly missing: readonly { readonly host: string; readonly why: string; readonly ask?: string }[]; readonly initialised: boolean;
  /** Each that is missing is there, and what it needs to be asked is a setting. */
  readonly wrong: boolean;
}

/** Every pod of the StatefulSet is there and its Vault answers: never "Ready", for a sealed Vault is not. */
export const waitForPods: Step<undefined, undefined> = {
  name: 'wait-for-pods', title: 'wait until every Vault pod answers', kind: 'repeat',
  unasked: (eyes) => eyes.findNodes === undefined,
  look: async (eyes) => {
    if (eyes.findNodes === undefined) return { is: 'done', out: undefined, skipped: true };
    // Who asks for the whole cluster is asked again right after this: here it is one request a pod, all at once.
    if (eyes.nodes.length > 0 && (await waitingFor(eyes)).missing.length === 0) return { is: 'done', out: undefined };
    return { is: 'pending' };
  },
  act: async (hands) => {
    const start = hands.clock.now();
    const end = start + hands.settings.timeoutMs;
    let rightAt = start;
    let said = { text: '', atMs: -Infinity };
    for (;;) {
      const { missing, initialised, wrong } = await lookAgain(hands);
      if (missing.length === 0) return undefined;
      const text = missing.map(({ host, why }) => `${host}: ${why}`).join('; ');
      const now = hands.clock.now();
      if (!wrong) rightAt = now;
      if (now >= end || now - rightAt >= WRONG_FOR_MS) {
        if (!initialised) throw new Halt(haltTexts.podsNotThere(missing, Math.round((now - start) / 1000), hands.settings.inventory));
        // Keys may wait in a checkpoint for their second copy: that is more than a pod that is away.
        hands.tell({ is: 'warning', text: `going on without: ${text}` });
        return undefined;
      }
      if (text !== said.text && now - said.atMs >= SAY_EVERY_MS) {
        hands.tell({ is: 'note', text: `waiting: ${text}` });
        said = { text, atMs: now };
      }
      stopWhereAsked('install', hands);
      await hands.clock.sleep(Math.min(LOOK_EVERY_MS, end - now));
    }
  },
};

/** Asks each pod's Vault, and Kubernetes about those that are silent. A server that is away for a moment is waited for too. */
async function lookAgain(hands: Hands): Promise<Waiting> {
  try {
    await hands.findNodes?.();
    const kubernetes = hands.settings.kubernetes!;
    const kube = await hands.kube!();
    if (hands.nodes.length === 0) {
      const found = await findVaultPods(kube, kubernetes);
      return { initialised: false, wrong: false, missing: [{ host: kubernetes.release, why: noSet(found, kubernetes) ?? 'no pod is there yet', ask: mendSet(found, kubernetes) }] };
    }
    const seen = await waitingFor(hands);
    if (seen.missing.length === 0) return seen;
    const reasons = await podReasons(kube, kubernetes);
    return { ...seen, missing: seen.missing.map(({ host, why }) => askedOf(kubernetes, host, reasons.get(host), why, seen.wrong)) };
  } catch (error) {
    if (!(error instanceof KubeError) || error.reached === 'config') throw error;
    return { initialised: false, wrong: false, missing: [{ host: 'Kubernetes', why: messageOf(error) }] };
  }
}

/** The question to Kubernetes that says more; of one that runs and answers wrongly, its own words are enough. */
function askedOf({ namespace }: KubernetesSettings, pod: string, reason: string | undefined, why: string, wrong: boolean): Waiting['missing'][number] {
  if (reason === undefined && wrong) return { host: pod, why };
  return { host: pod, why: reason ?? why, ask: reason === undefined ? `kubectl -n ${namespace} logs ${pod} --tail=20` : `kubectl -n ${namespace} describe pod ${pod}` };
}

function mendSet({ set }: VaultPods, { namespace }: KubernetesSettings): string {
  if (set?.spec.replicas === 0) return `kubectl -n ${namespace} scale statefulset ${set.metadata.name} --replicas=1   (or as many as it shall have)`;
  return `kubectl -n ${namespace} get statefulsets --show-labels   (one with other labels? name them in vault_pod_selector)`;
}

async function waitingFor(eyes: Eyes): Promise<Waiting> {
  const sights = await each(eyes.nodes, (node) => lookAtNode(eyes, node));
  refuseForbidden(sights.map((sight) => (sight.is === 'ok' ? undefined : sight.error)), eyes.settings.inventory);
  const silent = sights.flatMap((sight, index) => (sight.is === 'ok' || diedInItsInit(sight.error) || eyes.settings.allowMissingNodes.includes(eyes.nodes[index]!.name) ? [] : [{ host: eyes.nodes[index]!.name, error: sight.error }]));
  return {
    initialised: sights.some((sight) => sight.is === 'ok' && sight.value.reached && sight.value.status.initialized),
    missing: silent.map(({ host, error }) => ({ host, why: messageOf(error) })),
    wrong: silent.length > 0 && silent.every(({ error }) => error instanceof WireError && error.reached === 'config'),
  };
}
