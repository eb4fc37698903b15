import type { Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';

const CATCHES_UP_WITHIN_MS = 30_000;

/**
 * A follower that is still replaying its log when a rekey commits would open with the old keys for a while: wait for
 * every node to have applied what the leader had committed when we asked.
 * @throws Halt `nodes-behind`
 */
export async function waitUntilCaughtUp(hands: Hands, leaderAddress: string): Promise<void> {
  const followers = hands.nodes.filter(({ address, name }) => address !== leaderAddress && !hands.settings.allowMissingNodes.includes(name));
  if (followers.length === 0) return;
  const goal = (await hands.vault.raftIndexes(leaderAddress))?.committed;
  if (goal === undefined) return;
  const until = hands.clock.now() + CATCHES_UP_WITHIN_MS;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
    const behind: { host: string; why: string }[] = [];
    for (const { name, address } of followers) {
      const applied = (await hands.vault.raftIndexes(address))?.applied;
      if (applied !== undefined && applied < goal) behind.push({ host: name, why: `${goal - applied} raft entries behind the leader` });
    }
    if (behind.length === 0) return;
    if (hands.clock.now() >= until) throw new Halt(haltTexts.nodesBehind(behind, hands.settings.inventory));
    await hands.clock.sleep(pause);
  }
}
