import type { Cell } from './coverage.ts';

/*
 * What a single fault in each step can leave, on two managers with vaultctl on the first. `by`: the faults after which the
 * mending run begins there; each of them must be seen. `others`: why no other fault of that step leads there. `never`: why
 * no fault of that step leads anywhere else. A cell that is neither seen nor explained is a hole; one that is explained and
 * seen all the same refutes its reason.
 */

interface Row { readonly by: string; readonly others: string }
interface Step { readonly never: string; readonly rows: Readonly<Record<string, Row>> }
export type Table = Readonly<Record<string, Step>>;

const WENT_ON = 'the dead do not go on, a signal ends the run before its next step, and what stays away or takes effect unseen ends it in a halt';

export const tables: Readonly<Record<'install-2x1' | 'rotate-2x1', Table>> = {
  'install-2x1': {
    'lock': {
      never: 'around the flow nothing of it is begun or half done',
      rows: {
        'declare-intent': { by: 'cut die disk-full fails host-gone host-reboots power reboot reply-lost signal', others: 'every fault of this step leads there' },
        'confirm-end': { by: 'die power reboot', others: 'only giving the lock back comes after the end, and then only a death needs another run at all' },
        'went on': { by: 'cut disk-full fails host-gone host-reboots reply-lost signal', others: WENT_ON },
      },
    },
    'declare-intent': {
      never: 'Vault is empty and stays so',
      rows: {
        'declare-intent': { by: 'die disk-full fails power reboot reply-lost signal', others: 'every fault of this step leads there' },
      },
    },
    'init-vault': {
      never: 'no file but intent and checkpoint is touched',
      rows: {
        'declare-intent': { by: 'commit die disk-full fails node-gone node-restarts-after node-restarts-before power reboot reply-lost', others: 'a signal, a seal and a lost leadership do not keep an empty Vault from being initialised' },
        'halt init-cut-off': { by: 'commit', others: 'only a server that dies within its own init is neither empty nor initialised' },
        'halt init-reply-lost': { by: 'die power reboot', others: 'a living process holds the reply until some disk has it, and a call that fails before init leaves Vault empty' },
        'copy-checkpoint': { by: 'die disk-full power reboot signal', others: 'a call that fails while the keys are saved is made again on this manager or the next; only a stop after that leaves this' },
        'went on': { by: 'fails node-restarts-before node-sealed reply-lost steps-down', others: WENT_ON },
        'deliver-keys': { by: 'fails reply-lost', others: 'only a failed write of the checkpoint on the first manager leaves the copies elsewhere' },
      },
    },
    'copy-checkpoint': {
      never: 'the keys are in a checkpoint and Vault is sealed',
      rows: {
        'copy-checkpoint': { by: 'cut die disk-full host-gone host-reboots power reboot signal', others: 'one copy that fails is only warned of: the run goes on with the other' },
        'went on': { by: 'fails reply-lost', others: WENT_ON },
        'deliver-keys': { by: 'fails reply-lost', others: 'only a copy that failed while the run went on leaves main to be delivered' },
      },
    },
    'unseal-vault': {
      never: 'keys stand where they stood: nothing is written',
      rows: {
        'copy-checkpoint': { by: 'die fails node-gone node-restarts-after node-restarts-before node-sealed power reboot reply-lost signal', others: 'an election is waited for within the step' },
        'went on': { by: 'fails node-restarts-before node-sealed steps-down', others: WENT_ON },
      },
    },
    'deliver-keys': {
      never: 'checkpoints stay until every main is read back',
      rows: {
        'copy-checkpoint': { by: 'cut die disk-full fails host-gone host-reboots power reboot reply-lost signal', others: 'what happens to Vault does not stop the delivery; the last look finds it' },
        'went on': { by: 'fails steps-down', others: WENT_ON },
        'confirm-end': { by: 'node-restarts-before node-sealed', others: 'what happens to a manager stops the run before the checkpoints are cleared' },
        'deliver-keys': { by: 'node-gone', others: 'only a node that was gone could not say of which cluster the keys are: about is written again' },
      },
    },
    'clear-checkpoints': {
      never: 'every main holds the live keys',
      rows: {
        'confirm-end': { by: 'cut die fails host-reboots power reboot reply-lost signal', others: 'a manager that is away keeps its checkpoint' },
        'copy-checkpoint': { by: 'cut fails host-gone host-reboots power reboot', others: 'what dies with its cache kept, or loses only an answer, has removed the checkpoint or will again' },
      },
    },
    'which-world': {
      never: 'a look changes nothing',
      rows: {
        'declare-intent': { by: 'fails host-gone node-gone node-restarts-before reply-lost signal', others: 'an empty Vault has no leader and nothing to seal; nothing has changed yet that a death could tell apart from the lock before' },
        'went on': { by: 'fails node-sealed steps-down', others: WENT_ON },
      },
    },
    'confirm-end': {
      never: 'a look changes nothing',
      rows: {
        'confirm-end': { by: 'fails host-gone node-gone node-restarts-before node-sealed reply-lost signal', others: 'reading changes nothing that a death could tell apart from the step before; an election is waited for' },
        'went on': { by: 'fails steps-down', others: WENT_ON },
      },
    },
  },
  'rotate-2x1': {
    'lock': {
      never: 'around the flow nothing of it is begun or half done',
      rows: {
        'take-snapshot': { by: 'cut die disk-full fails host-gone host-reboots reboot reply-lost signal', others: 'after a power cut every node is sealed' },
        'unseal-vault': { by: 'power', others: 'nothing but a power cut seals a node there' },
        'went on': { by: 'cut disk-full fails host-gone host-reboots reply-lost signal', others: WENT_ON },
      },
    },
    'take-snapshot': {
      never: 'no rekey is begun',
      rows: {
        'take-snapshot': { by: 'cut die disk-full fails host-gone host-reboots node-gone reboot reply-lost signal steps-down', others: 'these seal the node' },
        'unseal-vault': { by: 'node-restarts-before node-sealed power', others: 'these seal no node' },
        'went on': { by: 'fails', others: WENT_ON },
      },
    },
    'start-rekey': {
      never: 'no share is given',
      rows: {
        'take-snapshot': { by: 'die disk-full fails node-gone reboot reply-lost steps-down', others: 'a power cut, a restart and a seal close the node; a signal is heard after the record stands' },
        'unseal-vault': { by: 'node-restarts-before node-sealed power', others: 'these seal no node, or a record stands already' },
        'call-off': { by: 'die disk-full fails node-gone node-restarts-after node-restarts-before node-sealed power reboot reply-lost signal steps-down', others: 'every fault of this step leads there' },
        'went on': { by: 'fails reply-lost', others: WENT_ON },
      },
    },
    'collect-new-shares': {
      never: 'nothing is verified',
      rows: {
        'call-off': { by: 'die disk-full fails node-gone node-restarts-after node-restarts-before node-sealed power reboot reply-lost steps-down', others: 'a signal is heard after the new shares are on disk' },
        'stage-keys': { by: 'die reboot signal', others: 'whatever is answered badly cancels the rekey; only a stop after the save leaves it pending' },
        'went on': { by: 'fails reply-lost', others: WENT_ON },
      },
    },
    'stage-keys': {
      never: 'nothing is verified',
      rows: {
        'stage-keys': { by: 'die reboot signal', others: 'a manager that cannot take the new keys calls the rotation off within the run' },
        'call-off': { by: 'power', others: 'only a power cut drops the rekey in the server and leaves its record' },
        'take-snapshot': { by: 'cut disk-full fails host-gone host-reboots reply-lost', others: 'only a manager that cannot take the keys calls it off; a stop leaves the rekey pending' },
      },
    },
    'verify-rekey': {
      never: 'mains are not touched',
      rows: {
        'stage-keys': { by: 'die node-gone reboot', others: 'a server that went drops the rekey, and an answer that is lost is asked for again' },
        'call-off': { by: 'commit node-restarts-after node-restarts-before node-sealed power steps-down', others: 'only a server that dropped the rekey never committed' },
        'deliver-keys': { by: 'commit die node-restarts-after power reboot signal', others: 'what happens before the last share leaves OLD; what is answered goes on within the run' },
        'went on': { by: 'fails reply-lost', others: WENT_ON },
        'halt half-commit': { by: 'commit', others: 'only a server that dies within its own commit is cut in half' },
      },
    },
    'deliver-keys': {
      never: 'checkpoints stay until every main is read back',
      rows: {
        'deliver-keys': { by: 'cut die disk-full fails host-gone host-reboots node-gone power reboot reply-lost signal', others: 'the delivery does not ask Vault; the unseal after it mends what was sealed' },
        'went on': { by: 'fails node-restarts-before node-sealed steps-down', others: WENT_ON },
      },
    },
    'clear-checkpoints': {
      never: 'every main holds the live keys',
      rows: {
        'take-snapshot': { by: 'cut die fails host-reboots reboot reply-lost signal', others: 'after a power cut every node is sealed; a manager that is away keeps its checkpoint' },
        'deliver-keys': { by: 'cut fails host-gone host-reboots power reboot reply-lost', others: 'what is in the cache of a manager that lives stays removed' },
        'unseal-vault': { by: 'power', others: 'nothing but a power cut seals a node there' },
        'went on': { by: 'fails reply-lost', others: WENT_ON },
      },
    },
    'find-rotation': {
      never: 'a look changes nothing',
      rows: {
        'take-snapshot': { by: 'fails host-gone node-gone reply-lost signal', others: 'a look changes nothing that a death could tell apart from the lock before; what seals the node is mended in the run' },
        'unseal-vault': { by: 'node-restarts-before', others: 'only a restart under the look ends it with a sealed node' },
        'went on': { by: 'fails node-sealed steps-down', others: WENT_ON },
        'confirm-end': { by: 'fails', others: 'only a record that could not be read this once sends another command ahead' },
      },
    },
    'unseal-vault': {
      never: 'keys stand where they stood: nothing is written',
      rows: {
        'went on': { by: 'fails node-restarts-before node-sealed steps-down', others: WENT_ON },
        'take-snapshot': { by: 'node-gone signal', others: 'what seals a node here is mended here' },
        'deliver-keys': { by: 'node-gone signal', others: 'what seals a node here is mended here' },
      },
    },
    'confirm-end': {
      never: 'a look changes nothing',
      rows: {
        'went on': { by: 'fails signal steps-down', others: WENT_ON },
        'take-snapshot': { by: 'fails host-gone node-gone reply-lost', others: 'a look changes nothing that a death could tell apart from the step before; a signal comes after the last stop' },
        'unseal-vault': { by: 'node-restarts-before node-sealed', others: 'these seal no node' },
      },
    },
  },
};

/** Why nothing falls into this cell; undefined: nobody knows. */
export function reasonFor(table: Table, strikes: ReadonlyMap<string, ReadonlySet<string>>, { step, fault, resumed }: Cell): string | undefined {
  const known = table[step];
  if (known === undefined) return undefined;
  if (strikes.get(step)?.has(fault) !== true) return 'no call of this step can be struck so';
  const row = known.rows[resumed];
  if (row === undefined) return known.never;
  return row.by.split(' ').includes(fault) ? undefined : row.others;
}
