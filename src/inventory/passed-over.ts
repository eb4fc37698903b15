/**
 * Settings of Ansible that an inventory may well hold and that vaultctl has no use for, and why nothing is lost by that:
 * they cause no warning.
 */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^ansible_(?:ssh_)?pipelining$/, 'scripts always come on standard input'],
  [/^ansible_(?:\w+_)?interpreter(?:_\w+)?$/, 'nothing on a manager is run by Python'],
  [/^ansible_ssh_retries$|^ansible_connection_retries$/, 'vaultctl tries again by itself, where that is safe'],
  [/^ansible_connection_timeout$|^ansible_command_timeout$|^ansible_persistent_\w+$/, 'ansible_timeout bounds the connection, --timeout the waits'],
  [/^ansible_(?:ssh_transfer_method|scp_\w+|sftp_\w+|ssh_transfer_\w+)$/, 'files travel through the shell, by no copy program'],
  [/^ansible_control_path(?:_dir)?$/, 'connections are shared over a socket of vaultctl\'s own'],
  [/^ansible_ssh_use_?tty$/, 'no terminal is needed there'],
  [/^ansible_sshpass_prompt$/, 'no sshpass is run'],
  [/^ansible_(?:su|doas)_prompt_l10n$/, 'su is made to ask in English, and doas asks nobody'],
  [/^ansible_paramiko_(?:banner_timeout|host_key_auto_add|look_for_keys|pty|record_host_keys|use_persistent_connections|use_rsa_sha2_algorithms)$/, 'ssh2 stands for paramiko, and has its own way'],
  [/^ansible_(?:admin_users|common_remote_group|system_tmpdirs|remote_tmp|async_dir|shell_allow_world_readable_temp|module_\w+|no_target_syslog|debug|keep_remote_files|verbosity|strategy|forks|any_errors_fatal|check_mode|diff_mode|collections_paths?|gather\w*)$/, 'no modules of Ansible are run'],
  [/^ansible_(?:winrm|psrp|httpapi|network|netconf|docker|podman|lxd|kubectl|oc|chroot|aws_ssm)_\w+$/, 'managers are reached by ssh, or are this machine'],
  [/^ansible_group_priority$/, 'heard when it stands in a group itself, as with Ansible'],
];

/** Undefined: vaultctl does not know the name as one that it may pass over. */
export function whyPassedOver(name: string): string | undefined { return reasons.find(([pattern]) => pattern.test(name))?.[1]; }
