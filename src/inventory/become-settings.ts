import type { BecomeMethod, Manager } from '../model/settings.ts';
import type { HostReading, Read } from './host-reading.ts';
import { refuse } from './value.ts';

type BecomeSettings = Pick<Manager, 'become' | 'becomeMethod' | 'becomeExe' | 'becomeFlags' | 'becomeUser' | 'becomePassword'>;

/** Flags of sudo that change nothing about who asks for the password, or how. */
const flagsOf: Readonly<Record<BecomeMethod, RegExp>> = { sudo: /^-[HEikPSn]+$/, doas: /^-n+$/, su: /^(?:-|-l|--login|-m|-p|--preserve-environment|-f|--fast)$/ };

/** How one becomes the owner of the files there. Of several names for one setting Ansible takes the method's own last. */
export function becomeSettings(reading: HostReading): BecomeSettings {
  const become = reading.flag('ansible_become')?.value ?? false;
  const becomeMethod = methodOf(reading, become);
  const own = (name: string) => [`ansible_become_${name}`, `ansible_${becomeMethod}_${name}`];
  const exe = plainWord(reading, reading.text(...own('exe')));
  const becomePassword = reading.secret('ansible_become_password', 'ansible_become_pass', `ansible_${becomeMethod}_pass`);
  if (become && becomeMethod === 'doas' && becomePassword !== undefined) {
    const said = reading.where('ansible_become_password', 'ansible_become_pass', 'ansible_doas_pass');
    refuse(said, `ansible_become_password of ${reading.host}: doas takes a password from a terminal only, and vaultctl gives it none`, `Allow it without one in /etc/doas.conf there ("permit nopass …"), or use ansible_become_method: sudo.`);
  }
  return {
    become, becomeMethod, becomeExe: exe, becomePassword,
    becomeFlags: become ? flags(reading, becomeMethod, reading.text(...own('flags'))) : [],
    becomeUser: plainWord(reading, reading.text(...own('user'))) ?? 'root',
  };
}

function methodOf(reading: HostReading, become: boolean): BecomeMethod {
  const said = reading.text('ansible_become_method');
  const name = said?.value.replace(/^(?:ansible\.builtin|community\.general)\./, '') ?? 'sudo';
  if (name === 'sudo' || name === 'doas' || name === 'su') return name;
  if (become) refuse(said!.place, `ansible_become_method ${JSON.stringify(said!.value)} of ${reading.host} is not supported`, 'Use sudo, doas or su.');
  return 'sudo';
}

function flags(reading: HostReading, method: BecomeMethod, said: Read<string> | undefined): readonly string[] {
  if (said === undefined) return [];
  return said.value.split(/\s+/).flatMap((word) => {
    if (!flagsOf[method].test(word)) {
      refuse(said.place, `${said.name} of ${reading.host}: ${method} ${word} is not supported`, method === 'sudo' ? 'vaultctl takes -H, -E, -i, -k, -P; -S and -n it decides itself.' : method === 'doas' ? 'vaultctl takes -n.' : 'vaultctl takes -, -l, -m, -p, -f.');
    }
    // Whether there is a password to give decides these.
    const kept = method === 'sudo' ? word.replaceAll(/[Sn]/g, '') : method === 'doas' ? '-' : word;
    return kept === '-' && method !== 'su' ? [] : [kept];
  });
}

/** A user name or a program must not be taken for an option by ssh or sudo. */
export function plainWord(reading: HostReading, said: Read<string> | undefined): string | undefined {
  if (said === undefined) return undefined;
  const what = said.name.endsWith('_exe') ? 'a program' : 'a user name';
  if (/^-|\s/.test(said.value)) refuse(said.place, `${said.name} of ${reading.host} is not ${what}: ${JSON.stringify(said.value)}`, `Write ${what === 'a program' ? 'the path of one program, without arguments' : 'the name of a user'}.`);
  return said.value;
}
