import { Command, CommanderError, Option } from 'commander';
import { UsageError } from '../model/halt.ts';
import type { CommonFlags, Machine } from './context.ts';

type FlowFlags = CommonFlags & { rootToken?: boolean; revokeRoot?: boolean };
const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];

/** Flags that every verb takes. */
function common(command: Command): Command {
  return command
    .option('-i, --inventory <file>', 'inventory: a file, a folder or host1,host2, (may be given again; default: $VAULTCTL_INVENTORY, what ansible.cfg names, ./inventories/hosts.yaml, ./hosts.yaml, /etc/vaultctl/hosts.yaml, /etc/ansible/hosts)', collect)
    .option('-l, --limit <host>', 'the master manager (default: the host vaultctl runs on, else the first)')
    .option('-e, --extra-vars <vars>', 'k=v, JSON or @file, over everything the inventory says', collect)
    .option('--vault-id <label@source>', 'password for !vault values with this label: a file, a program that prints it, or prompt (may be given again)', collect)
    .option('--vault-password-file <file>', 'password for !vault values: a file, or a program that prints it (may be given again)', collect)
    .option('-J, --ask-vault-pass', 'ask for it on the terminal')
    .option('--kubeconfig <file>', 'how to reach Kubernetes (default: vault_kubeconfig, $KUBECONFIG, ~/.kube/config, the pod vaultctl runs in)')
    .option('--context <name>', 'its context (default: vault_kube_context, the current one)')
    .option('--json', 'one JSON document, or one event a line for flows')
    .option('--timeout <seconds>', 'for each wait (never applied to init, the last update share and verify)')
    .option('-v, --verbose', 'say more (inventory --check: names every variable that it passes over)')
    .option('--no-color', 'no colours (also NO_COLOR)');
}

function flowFlags(command: Command): Command {
  return common(command)
    .option('--dry-run', 'read everything, change nothing, print what would be done')
    .addOption(new Option('--check', 'as --dry-run').implies({ dryRun: true }))
    .option('-y, --yes', 'do not ask where nothing can be destroyed')
    .option('--confirm <name>', 'the cluster name, where a typed confirmation is asked for and there is no terminal')
    .option('--allow-missing <host>', 'go on without this manager', collect)
    .option('--allow-missing-node <node>', 'go on without this Vault node', collect)
    .option('--token-file <file>', 'a token for servers whose rekey demands one (- for standard input)');
}

function shareFlags(command: Command): Command {
  return command.option('--shares <count>', 'number of unseal key shares').option('--threshold <count>', 'shares that open Vault');
}

/** The verbs; what each needs is loaded when it runs. Resolves with the exit code. */
export async function runCommand(machine: Machine, argv: readonly string[], version: string): Promise<number> {
  let code = 0;
  const program = new Command('vaultctl')
    .description('init, unseal and rekey HashiCorp Vault and OpenBao without ever losing the keys')
    .version(version, '-V, --version').enablePositionalOptions().exitOverride()
    .configureOutput({ writeOut: machine.out, writeErr: () => undefined });
  program.addHelpText('after', '\nExit codes: 0 done, 1 unexpected, 2 usage, 3 credentials LOST, 4 interrupted (run again), 5 a host not reached or not delivered,\n6 another operator, 7 refused for safety, 8 Vault unreachable, 129/130/143 stopped by a signal at a safe point\n');
  const verb = (name: string, description: string) => program.command(name).description(description);
  const flow = async (flags: FlowFlags, name: 'install' | 'rotate' | 'distribute' | 'verify' | 'configure') => {
    const { runNamed } = await import('./flow-verbs.ts');
    code = await runNamed(machine, flags, name);
  };

  shareFlags(flowFlags(verb('install', 'initialise Vault, unseal it, deliver the keys to every manager; resumes what was interrupted')))
    .option('--accept-restored', 'Vault was restored from before a rotation: make the previous keys the main ones')
    .action((flags: FlowFlags) => flow(flags, 'install'));
  shareFlags(flowFlags(verb('rotate', 'replace the unseal keys, reversibly until every manager holds the new ones; resumes')))
    .option('--root-token', 'also replace the root token')
    .addOption(new Option('--revoke-root', 'leave no root token (says what that costs)').conflicts('rootToken'))
    .option('--no-snapshot', 'rotate without the snapshot that cures a commit cut short')
    .action((flags: FlowFlags) => flow(flags, 'rotate'));
  flowFlags(verb('unseal', 'unseal every node from any one source of keys'))
    .option('--watch', 'go on for ever: unseal what is sealed again, until a signal comes')
    .action(async (flags: FlowFlags & { watch?: boolean }) => {
      if (flags.watch === true && flags.dryRun !== true) return (await import('./unseal-watch.ts')).watchNodes(machine, flags);
      code = await (await import('./flow-verbs.ts')).unsealNodes(machine, flags);
    });
  common(verb('status', 'what is where, what is wrong, what to run next')).action(async (flags: CommonFlags) => { code = await (await import('./status.ts')).status(machine, flags); });
  flowFlags(verb('verify', 'prove without damage that the files on every manager open this Vault (the proof opens a node that is sealed)')).action((flags: FlowFlags) => flow(flags, 'verify'));
  flowFlags(verb('distribute', 'heal every manager from a copy that is proven live'))
    .option('--accept-restored', 'Vault was restored from before a rotation: make the previous keys the main ones')
    .action((flags: FlowFlags) => flow(flags, 'distribute'));
  flowFlags(verb('configure', 'secrets engines, policies and Kubernetes auth as the inventory wants them; never clears what it does not name'))
    .option('--diff', 'accepted for those who come from Ansible: differences are always shown')
    .action((flags: FlowFlags) => flow(flags, 'configure'));
  shareFlags(flowFlags(verb('plan', 'what a run would do, without doing it').argument('[flow]', 'install, rotate, unseal, verify, distribute or configure', 'install')))
    .action(async (name: string, flags: FlowFlags) => { code = await (await import('./flow-verbs.ts')).planNamed(machine, flags, name); });
  flowFlags(verb('recover', 'ways back; without a verb it looks and says which one helps'))
    .option('--import <file>', 'prove keys from elsewhere and deliver them (- for standard input)')
    .option('--unlock', 'break the lock of a run that hangs (shows its holder first)')
    .option('--archive', 'rename key files that are of no use; deletes nothing')
    .option('--cancel-rekey <nonce>', 'cancel a rekey that somebody else began')
    .option('--restore-snapshot', 'bring a cluster back from the snapshot that rotate took')
    .option('--reinitialise', 'empty a Vault in Kubernetes whose keys are lost and start over (refused while anything can still be saved)')
    .action(async (flags) => { code = await (await import('./recover.ts')).recover(machine, flags); });
  common(verb('inventory', 'the resolved inventory, as ansible-inventory prints it'))
    .argument('[group]', 'where --graph begins', 'all')
    .option('--list', 'all hosts and groups').option('--host <name>', 'the variables of one host')
    .option('--graph', 'the tree of groups and hosts').option('--vars', 'with --graph: their variables too')
    .option('--check', 'what vaultctl takes, passes over and cannot take of it, and how it will reach each manager; connects to nobody')
    .action(async (group: string, flags: CommonFlags) => { code = await (await import('./inventory.ts')).inventory(machine, flags, group); });
  verb('completion', 'a completion script').argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => { machine.out((await import('./completion.ts')).completion(shell, program)); });

  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') { machine.err(program.helpInformation()); return 2; }
    throw new UsageError(error.message.replace(/^error: /, ''), `see vaultctl ${verbOf(program, argv)}--help`);
  }
  return code;
}

/** Whose --help has the flags that were meant. */
function verbOf(program: Command, argv: readonly string[]): string {
  const named = program.commands.find((command) => command.name() === argv[0]);
  return named === undefined ? '' : `${named.name()} `;
}
