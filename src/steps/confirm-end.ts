import { formatKeyFile } from '../credentials/key-file.ts';
import type { Step } from '../engine/flow.ts';
import { paperOf, reached, survey } from '../engine/survey.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { isOpen, missingOf, sameBytes } from './places.ts';
import type { Held } from './records.ts';

/** A last look with fresh eyes: every file equal, 0600 and alone, every node open. */
export function confirmEnd<R extends Held>(flow: string): Step<R, R> {
  return confirm(flow, 'verify: equal files everywhere, nothing left over, every node open', true);
}

/** The files alone: `distribute` does not open what somebody sealed. */
export function confirmFiles<R extends Held>(flow: string): Step<R, R> {
  return confirm(flow, 'verify: equal files everywhere, nothing left over', false);
}

function confirm<R extends Held>(flow: string, title: string, nodesToo: boolean): Step<R, R> {
  return {
    name: 'confirm-end', title, kind: 'check',
    look: async (eyes, held) => {
      const seen = await survey(eyes);
      const bytes = formatKeyFile(held.set);
      const wrong = [...missingOf(eyes, seen), ...reached(seen).flatMap((sight) => {
        const main = paperOf(sight, 'main');
        const no = (why: string) => [{ host: sight.manager.name, why }];
        if (main?.is !== 'set' || !sameBytes(main.bytes, bytes)) return no(`${sight.manager.paths.main} does not hold the live keys`);
        if (main.tooOpen) return no(`${main.path} can be read by others`);
        const left = sight.papers.find(({ role }) => role === 'install' || role === 'rotate' || role === 'sibling');
        return left === undefined ? [] : no(`${left.path} is still there`);
      })];
      if (wrong.length > 0) return { is: 'stuck', halt: new Halt(haltTexts.undelivered(wrong, held.keptAt, flow, eyes.settings.inventory)) };
      const closed = (nodesToo ? seen.nodes : []).filter((node) => !eyes.settings.allowMissingNodes.includes(node.node.name) && !(isOpen(node) && node.health !== 'sealed'))
        .map((node) => ({ host: node.node.name, why: node.reached ? 'sealed' : node.error.message }));
      if (closed.length > 0) return { is: 'stuck', halt: new Halt(haltTexts.nodesClosed(closed, held.keptAt, flow, eyes.settings.inventory)) };
      return { is: 'done', out: { ...held, survey: seen } };
    },
    act: async (_hands, held) => held,
  };
}
