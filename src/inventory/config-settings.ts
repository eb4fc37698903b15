/** A setting of Ansible: its variables of the environment and its places in ansible.cfg, each from weak to strong. */
export interface ConfigSetting {
  /** As in ansible.cfg. */
  readonly name: string;
  readonly env: readonly string[];
  readonly ini: readonly (readonly [section: string, name: string])[];
  /** Default: text. */
  readonly type?: 'text' | 'path' | 'whole' | 'flag';
}

const defaults = (name: string, ...env: string[]): ConfigSetting => ({ name, env, ini: [['defaults', name]] });

/** Settings that stand in for a connection variable that the inventory does not set. */
export interface ConnectionSetting extends ConfigSetting { readonly variable: string }

const ssh = (name: string, variable: string, ...env: string[]): ConnectionSetting => ({ name, variable, env, ini: [['ssh_connection', name]] });

/** One become method's own names beside the general ones: `[su_become_plugin] user` is `ansible_su_user`. */
const becomeOf = (method: string): ConnectionSetting[] => [['user', 'user'], ['executable', 'exe'], ['flags', 'flags'], ['password', 'pass']].map(([key, short]) => ({
  name: key!, variable: `ansible_${method}_${short}`, env: [`ANSIBLE_${method.toUpperCase()}_${short!.toUpperCase()}`], ini: [[`${method}_become_plugin`, key!]],
}));
const escalation = (name: string, type: ConfigSetting['type'] = 'text'): ConnectionSetting => ({
  name, variable: `ansible_${name}`, env: [`ANSIBLE_${name.toUpperCase()}`], ini: [['privilege_escalation', name]], type,
});

export const connectionSettings: readonly ConnectionSetting[] = [
  { ...defaults('remote_user', 'ANSIBLE_REMOTE_USER'), variable: 'ansible_user' },
  { ...defaults('remote_port', 'ANSIBLE_REMOTE_PORT'), variable: 'ansible_port', type: 'whole' },
  { ...defaults('private_key_file', 'ANSIBLE_PRIVATE_KEY_FILE'), variable: 'ansible_private_key_file', type: 'path' },
  { ...defaults('transport', 'ANSIBLE_TRANSPORT'), variable: 'ansible_connection' },
  {
    name: 'host_key_checking', variable: 'ansible_host_key_checking', type: 'flag',
    env: ['ANSIBLE_HOST_KEY_CHECKING', 'ANSIBLE_SSH_HOST_KEY_CHECKING'], ini: [['defaults', 'host_key_checking'], ['ssh_connection', 'host_key_checking']],
  },
  { name: 'timeout', variable: 'ansible_timeout', type: 'whole', env: ['ANSIBLE_TIMEOUT', 'ANSIBLE_SSH_TIMEOUT'], ini: [['defaults', 'timeout'], ['ssh_connection', 'timeout']] },
  ssh('ssh_args', 'ansible_ssh_args', 'ANSIBLE_SSH_ARGS'),
  ssh('ssh_common_args', 'ansible_ssh_common_args', 'ANSIBLE_SSH_COMMON_ARGS'),
  ssh('ssh_extra_args', 'ansible_ssh_extra_args', 'ANSIBLE_SSH_EXTRA_ARGS'),
  ssh('ssh_executable', 'ansible_ssh_executable', 'ANSIBLE_SSH_EXECUTABLE'),
  escalation('become', 'flag'), escalation('become_method'), escalation('become_user'), escalation('become_exe'), escalation('become_flags'),
  { name: 'become_pass', variable: 'ansible_become_password', env: ['ANSIBLE_BECOME_PASS'], ini: [] },
  ...['sudo', 'su', 'doas'].flatMap(becomeOf),
];

export const otherSettings = {
  inventory: defaults('inventory', 'ANSIBLE_INVENTORY'),
  askVaultPass: defaults('ask_vault_pass', 'ANSIBLE_ASK_VAULT_PASS'),
  vaultPasswordFile: defaults('vault_password_file', 'ANSIBLE_VAULT_PASSWORD_FILE'),
  vaultIdentityList: defaults('vault_identity_list', 'ANSIBLE_VAULT_IDENTITY_LIST'),
  vaultIdentity: defaults('vault_identity', 'ANSIBLE_VAULT_IDENTITY'),
  vaultIdMatch: defaults('vault_id_match', 'ANSIBLE_VAULT_ID_MATCH'),
  ignoredEndings: { name: 'inventory_ignore_extensions', env: ['ANSIBLE_INVENTORY_IGNORE'], ini: [['defaults', 'inventory_ignore_extensions'], ['inventory', 'ignore_extensions']] },
  ignoredPatterns: { name: 'inventory_ignore_patterns', env: ['ANSIBLE_INVENTORY_IGNORE_REGEX'], ini: [['defaults', 'inventory_ignore_patterns'], ['inventory', 'ignore_patterns']] },
} as const satisfies Record<string, ConfigSetting>;

const sameList = (...words: string[]) => (text: string) => text.split(',').map((word) => word.trim()).filter((word) => word !== '').join(',') === words.join(',');

/** Settings that make Ansible read an inventory in another way than vaultctl does: better no host list than another one. */
export const refusedSettings: readonly (ConfigSetting & { readonly takes: (text: string) => boolean; readonly why: string })[] = [
  { ...defaults('hash_behaviour', 'ANSIBLE_HASH_BEHAVIOUR'), takes: (text) => text === 'replace', why: 'vaultctl replaces mappings and never merges them' },
  { ...defaults('force_valid_group_names', 'ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS'), takes: (text) => text === 'never' || text === 'ignore', why: 'vaultctl leaves the names of groups as they are written' },
  {
    ...defaults('precedence', 'ANSIBLE_PRECEDENCE'), why: 'vaultctl has Ansible\'s usual order of precedence only',
    takes: sameList('all_inventory', 'groups_inventory', 'all_plugins_inventory', 'all_plugins_play', 'groups_plugins_inventory', 'groups_plugins_play'),
  },
  { ...defaults('yaml_valid_extensions', 'ANSIBLE_YAML_FILENAME_EXT'), takes: sameList('.yml', '.yaml', '.json'), why: 'vaultctl reads variables from .yml, .yaml, .json and files without an ending' },
  {
    name: 'yaml_valid_extensions', env: ['ANSIBLE_INVENTORY_PLUGIN_EXTS'], ini: [['inventory_plugin_yaml', 'yaml_valid_extensions']],
    takes: sameList('.yaml', '.yml', '.json'), why: 'vaultctl reads YAML inventories from .yaml, .yml, .json and files without an ending',
  },
  {
    ...defaults('vars_plugins_enabled', 'ANSIBLE_VARS_ENABLED'), why: 'vaultctl reads group_vars and host_vars, and runs no plug-ins',
    takes: (text) => text === 'host_group_vars' || text === 'ansible.builtin.host_group_vars',
  },
];

const asks = 'it asks for no passwords of hosts: set ansible_password or ansible_become_password in the inventory, with !vault';

/** Settings that an operator may rely on and that vaultctl does not use. */
export const unusedSettings: readonly { readonly setting: ConfigSetting; readonly instead: string }[] = [
  { setting: defaults('ask_pass', 'ANSIBLE_ASK_PASS'), instead: asks },
  { setting: { name: 'become_ask_pass', env: ['ANSIBLE_BECOME_ASK_PASS'], ini: [['privilege_escalation', 'become_ask_pass']] }, instead: asks },
  { setting: defaults('connection_password_file', 'ANSIBLE_CONNECTION_PASSWORD_FILE'), instead: 'set ansible_password in the inventory, with !vault' },
  { setting: defaults('become_password_file', 'ANSIBLE_BECOME_PASSWORD_FILE'), instead: 'set ansible_become_password in the inventory, with !vault' },
];
