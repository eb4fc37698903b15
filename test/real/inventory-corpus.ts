/** Inventories that Ansible and vaultctl must read alike. `files` below a fresh folder; `cwd` and `sources` relative to it. */
export interface InventoryCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly sources?: readonly string[];
  readonly cwd?: string;
  readonly extra?: readonly string[];
  readonly executable?: readonly string[];
  /** Clear text files that are encrypted with the corpus password before both read them. */
  readonly encrypted?: readonly string[];
  /** Written in Latin-1 instead of UTF-8. */
  readonly latin1?: readonly string[];
  /** link → target */
  readonly links?: Readonly<Record<string, string>>;
}

const one = (name: string, text: string, more: Omit<InventoryCase, 'name' | 'files'> = {}): InventoryCase => ({ name, files: { 'hosts.yaml': text }, ...more });
const vars = (name: string, lines: string): InventoryCase => one(name, `all:\n  hosts:\n    n1:\n${lines.split('\n').map((line) => `      ${line}`).join('\n')}\n`);
const tree = `all:
  vars: {who: inline-all, all_only: 1}
  children:
    managers:
      vars: {who: inline-managers, m: 1}
      hosts: {n1: {who: inline-n1}, n2: }
      children:
        inner: {vars: {who: inline-inner, i: 2}, hosts: {n3: }}
    workers:
      hosts: {n2: , n4: }
  hosts: {n5: }
`;

export const vaultText = `$ANSIBLE_VAULT;1.2;AES256;prod
          6162
          6364`;

export const corpus: readonly InventoryCase[] = [
  one('one host', 'all:\n  hosts:\n    n1:\n'),
  one('groups, children and ungrouped', tree),
  one('all is implied', 'managers:\n  hosts:\n    n1:\n    n2:\nother:\n  hosts: {n3: }\n'),
  one('empty groups appear in their parents only', 'all:\n  children:\n    a: {children: {b: , c: {hosts: {n1: }}}}\n    d:\n'),
  one('a group in two parents', 'a: {children: {c: {hosts: {n1: }}}}\nb: {children: {c: {vars: {x: 1}}}}\n'),
  one('a group named before it is filled', 'a: {children: {b: }}\nb: {hosts: {n1: }, vars: {v: b}}\na2: {children: {a: }}\n'),
  one('ungrouped filled by hand', 'ungrouped: {hosts: {n1: , n2: }}\ng: {hosts: {n2: }}\n'),
  one('hosts as a single text', 'g: {hosts: n1, children: sub}\nsub: {hosts: n2}\n'),
  one('a host named like a group', 'all:\n  children:\n    db: {hosts: {n1: , db: {x: 1}}}\n'),
  one('depth beats name', 'a: {children: {z: {vars: {v: z}, hosts: {n1: }}}}\nzz: {vars: {v: zz}, hosts: {n1: }}\n'),
  one('the longest way gives the depth', 'a: {children: {b: {children: {c: {vars: {v: c}, hosts: {n1: }}}}, c: }}\nd: {children: {e: {vars: {v: e}, hosts: {n1: }}}}\n'),
  one('depth of a group that is moved down later', 'c: {vars: {v: c}, hosts: {n1: }, children: {cc: {vars: {w: cc}, hosts: {n1: }}}}\nx: {children: {y: {children: {c: }}}}\nz: {children: {zz: {vars: {v: zz, w: zz}, hosts: {n1: }}}}\n'),
  one('siblings apply by code point', 'B: {vars: {v: B}, hosts: {n1: }}\na: {vars: {v: a}, hosts: {n1: }}\n_c: {vars: {v: _c}, hosts: {n1: }}\n'),
  one('ansible_group_priority, also as text', 'b: {vars: {v: b}, hosts: {n1: }}\na: {vars: {v: a, ansible_group_priority: "10"}, hosts: {n1: }}\n'),
  one('priority does not cross depths', 'a: {vars: {v: a, ansible_group_priority: 99}, hosts: {n1: }, children: {k: {vars: {v: k}, hosts: {n1: }}}}\n'),
  one('a host in several places gathers its variables', 'a: {hosts: {n1: {x: 1, y: 1}}}\nb: {hosts: {n1: {y: 2}}}\n'),
  one('hash_behaviour replaces', 'all: {vars: {m: {a: 1, b: 2}}}\ng: {vars: {m: {a: 3}}, hosts: {n1: }}\n'),
  one('inline mappings given twice replace', 'g: {hosts: {n1: {m: {a: 1}}}}\nh: {hosts: {n1: {m: {b: 1}}}}\n'),
  one('numeric ranges', 'g: {hosts: {"n[1:3]": , "m[01:03]": {x: 1}, "k[00:10:5]": }}\n'),
  one('alphabetic ranges and several in one name', 'g: {hosts: {"n[a:c]": , "r[1:2]-[x:z:2].example.com": }}\n'),
  one('a range without a begin', 'g: {hosts: {"n[:2]": }}\n'),
  one('host:port', 'g: {hosts: {"n1:2222": , "n[1:2].example.com:23": , "10.0.0.1:24": , "n4:0": }}\n'),
  one('IPv6', 'g: {hosts: {"[2001:db8::1]:2222": , "2001:db8::2": , "::1": }}\n'),
  one('a port of a later mention is dropped', 'g: {hosts: {n1: , "n1:2222": }}\n'),
  one('a name that is no address keeps its colon', 'g: {hosts: {n1: , "n_:22": , "a b:22": }}\n'),
  one('ansible_port beside host:port', 'g: {hosts: {"n1:2222": {ansible_port: 23}}}\n'),
  vars('words that are text', 'a: y\nb: n\nc: 1e3\nd: 1.0e3\ne: -.5\nf: 0o644\ng: 08\nh: 02:15\ni: 2026-1-2\nj: "yes"\nk: \'0644\'\nl: =x\nm: <<x\nn: 1_\no: _1\np: +.5'),
  vars('words that are typed', 'a: yes\nb: Off\nc: 0644\nd: -010\ne: 22:15\nf: 52:54:00:12:34:56\ng: 1_000\nh: .5\ni: 09.5\nj: 0x1F\nk: 0b11\nl: ~\nm:\nn: NULL\no: True\np: -1\nq: +12\nr: 1.\ns: 1.5e+3\nt: 1:30.5\nu: 123456789012345678901234567890\nv: 1_0.5\nw: -0'),
  vars('dates', 'a: 2026-01-02\nb: 2026-01-02T03:04:05Z\nc: 2026-1-2 3:04:05.1234567 -05:30\nd: 2026-01-02 03:04:05\ne: 2026-01-02t03:04:05.5+2\nf: 2024-02-29'),
  vars('odd keys in a mapping', 'm: {yes: 1}\nk: {~: 2}\nl: {012: 3}\no: {1.5: x}'),
  vars('odd keys as variables', 'on: 5'),
  vars('explicit tags', 'a: !!str 12\nb: !!int "12"\nc: !!float "1.5"\nd: !!bool "yes"\ne: !!null ""\nf: ! 12\ng: !!float 3\nh: !!map {a: 1}\ni: !!seq [1]'),
  vars('scalars of every style', 'a: |\n  one\n  two\nb: >-\n  one\n  two\nc: "x\\ty\\u00e9"\nd: \'it\'\'s\'\ne: plain # comment\nf: two\n  lines\ng: |2\n    x\nh: "a\\\n  b"'),
  vars('flow collections', 'a: [1, two, {b: c}]\nb: {x, y: 1}\nc: {"a":1}\nd: [a: b]\ne: []\nf: {}\ng: {a:1}'),
  vars('duplicate keys: the last wins', 'a: 1\nb: 2\na: 3\nm: {x: 1, y: 1, x: 2}'),
  one('a second all: wins whole', 'all: {hosts: {n1: }}\nall: {hosts: {n2: }}\n'),
  one('anchors, aliases and merges', `x: &h {ansible_user: op, port: 1}
all:
  vars: &v {p: &l [1, 2], q: *l}
  hosts:
    n1: {<<: *v, own: 1, p: 9}
    n2: {own: 1, <<: [{a: 1, b: 1}, {a: 2, c: 2}]}
    n3: {<<: {a: 1}, a: 5, <<: {a: 2, b: 2}}
    n4: {"<<": {a: 1}}
`.replace('x: &h {ansible_user: op, port: 1}\n', '')),
  one('merging hosts', 'all:\n  children:\n    a: {hosts: &h {n1: {x: 1}, n2: }}\n    b: {hosts: {<<: *h, n3: }}\n'),
  vars('!vault and !unsafe', `a: !vault |\n  ${vaultText.replaceAll('\n          ', '\n  ')}\nb: !unsafe "{{ x }}"\nc: !unsafe [a, 1, b]\nd: [!unsafe x]`),
  vars('templates are not resolved', 'a: "{{ b }}-x"\nb: 1'),
  one('%YAML 1.2 changes nothing', '%YAML 1.2\n---\nall: {hosts: {n1: {a: yes, b: 0644}}}\n'),
  one('byte order mark and CRLF', '\ufeffall:\r\n  hosts:\r\n    n1:\r\n      a: yes\r\n      b: |\r\n        x\r\n        y\r\n'),
  one('a document marker and an end', '---\nall: {hosts: {n1: }}\n...\n'),
  { name: 'JSON with tabs', files: { 'hosts.json': '{\n\t"all": {"hosts": {"n1": {"a": true, "b": 1.50, "c": "yes", "d": 12345678901234567890, "a": false, "e": null, "f": [1,[]], "g": "\\u00e9"}}}}' }, sources: ['hosts.json'] },
  { name: 'what ansible-inventory printed of a vault', files: { 'hosts.json': '{"all": {"hosts": {"n1": {"p": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\\n6162\\n"}, "u": {"__ansible_unsafe": "{{ x }}"}}}}}' }, sources: ['hosts.json'] },
  { name: 'no extension', files: { hosts: 'all: {hosts: {n1: {a: 1}}}\n' }, sources: ['hosts'] },
  { name: 'an executable YAML file is YAML', files: { 'hosts.yaml': 'all: {hosts: {n1: }}\n' }, executable: ['hosts.yaml'] },
  { name: 'group_vars beats inline of a child group', files: { 'inv/hosts.yaml': tree, 'inv/group_vars/all.yml': 'who: file-all\n' }, sources: ['inv/hosts.yaml'] },
  {
    name: 'every layer of precedence', sources: ['inv/hosts.yaml'], cwd: 'work',
    files: {
      'inv/hosts.yaml': tree, 'work/keep.txt': '',
      'inv/group_vars/all.yml': 'who: inv-all\na1: 1\na2: 1\na3: 1\n', 'work/group_vars/all.yml': 'who: cwd-all\na2: 2\n',
      'inv/group_vars/managers.yml': 'who: inv-managers\na3: 3\nb1: 1\n', 'work/group_vars/managers.yml': 'who: cwd-managers\nb1: 2\n',
      'inv/group_vars/inner.yaml': 'b1: 3\n', 'inv/host_vars/n1.yml': 'who: inv-n1\nc: 1\n', 'work/host_vars/n1.yml': 'c: 2\n',
      'work/host_vars/n4': 'x: no extension\n', 'group_vars/all.yml': 'above: must not count\n',
    },
  },
  { name: 'a vars file is .yml before .yaml before .json', files: { 'hosts.yaml': tree, 'group_vars/all.json': '{"v": "json"}', 'group_vars/all.yaml': 'v: yaml\n', 'group_vars/managers.json': '{"v": "json"}', 'group_vars/workers': 'v: none\n', 'group_vars/workers.yml': 'v: yml\n' } },
  { name: 'a folder hides the file, even when empty', files: { 'hosts.yaml': tree, 'group_vars/all/.keep': '', 'group_vars/all.yml': 'hidden: 1\n', 'host_vars/n1/b.yml': 'v: b\n', 'host_vars/n1/a.yml': 'v: a\nw: a\n' } },
  {
    name: 'which files of a folder of variables count',
    files: {
      'hosts.yaml': tree, 'group_vars/all/a.yml': 'a: 1\n', 'group_vars/all/B.yml': 'a: B\n', 'group_vars/all/.hidden.yml': 'x: 1\n', 'group_vars/all/c.yml~': 'x: 2\n',
      'group_vars/all/d.txt': 'x: 3\n', 'group_vars/all/e.YML': 'x: 4\n', 'group_vars/all/sub/f.json': '{"f": 1}', 'group_vars/all/sub.d/g.yml': 'x: 5\n', 'group_vars/all/plain': 'p: 1\n',
    },
  },
  { name: 'empty files of variables', files: { 'hosts.yaml': tree, 'group_vars/all.yml': '', 'group_vars/managers.yml': '# nothing\n', 'host_vars/n1.yml': '---\n', 'host_vars/n2.yml': '[]\n' } },
  { name: 'through a link variables are sought beside the link', files: { 'real/hosts.yaml': tree, 'real/group_vars/all.yml': 'real: 1\n', 'here/group_vars/all.yml': 'here: 1\n' }, links: { 'here/hosts.yaml': '../real/hosts.yaml' }, sources: ['here/hosts.yaml'], cwd: 'real/group_vars' },
  { name: 'two sources', files: { 'a/hosts.yaml': tree, 'b/more.yml': 'managers: {vars: {who: second}, hosts: {n9: }}\n', 'a/group_vars/all.yml': 'f: a\ng: a\n', 'b/group_vars/all.yml': 'f: b\n' }, sources: ['a/hosts.yaml', 'b/more.yml'] },
  {
    name: 'several sources: later group_vars win over earlier ones, for hosts of every source', sources: ['a/hosts.yaml', 'b', 'n1,n9'], cwd: 'a',
    files: {
      'a/hosts.yaml': tree, 'b/one.yml': 'managers: {vars: {m: 9, own: b}, hosts: {n1: {p: 1}}}\nall: {vars: {all_only: 2}}\n', 'b/two': '{"workers": {"hosts": {"n1": {"p": 2}}, "vars": {"w": 1}}}',
      'a/group_vars/all.yml': 'x: a\ny: a\n', 'b/group_vars/all.yml': 'x: b\n', 'a/group_vars/managers.yml': 'x: a-managers\n', 'b/host_vars/n1.yml': 'h: b\n', 'a/host_vars/n1/h.yml': 'h: a\ni: a\n',
    },
  },
  { name: 'the same sources in the other order', sources: ['b.yaml', 'a.yaml'], files: { 'a.yaml': tree, 'b.yaml': 'managers: {vars: {who: b, m: 9}, hosts: {n1: {who: b}}}\n' } },
  { name: 'a source given twice', sources: ['hosts.yaml', 'hosts.yaml'], files: { 'hosts.yaml': tree } },
  { name: 'a child group declared by a later source', sources: ['a.yaml', 'b.yaml'], files: { 'a.yaml': 'g: {hosts: {n1: }, vars: {v: g}}\n', 'b.yaml': 'p: {children: {g: }, vars: {v: p, w: p}}\n' } },
  {
    name: 'a folder of inventories', sources: ['inv'], cwd: 'inv/sub',
    files: {
      'inv/b.yaml': tree, 'inv/A.yml': 'managers: {vars: {who: first, m: 7}}\n', 'inv/notes.md': 'x: [', 'inv/old.yaml~': 'x: [', 'inv/.hidden.yaml': 'x: [', 'inv/x.cfg': 'x', 'inv/sub/c.json': '{"workers": {"hosts": {"n6": {"x": 1}}}}',
      'inv/group_vars/all.yml': 'f: folder\n', 'inv/host_vars/n6.yml': 'g: 1\n', 'inv/sub/group_vars/workers.yml': 'cwd: 1\n', 'group_vars/all.yml': 'above: 1\n',
    },
  },
  { name: 'variables below a subfolder of a folder do not count', sources: ['inv'], files: { 'inv/sub/hosts.yaml': tree, 'inv/sub/group_vars/all.yml': 'no: 1\n' } },
  { name: 'a list of hosts', sources: ['n1,n2:2222, 10.0.0.1 ,'], cwd: 'w', files: { 'w/host_vars/n1.yml': 'x: 1\n' } },
  { name: 'a list of hosts beside a file', sources: ['hosts.yaml', 'n1,n7:22'], files: { 'hosts.yaml': tree } },
  { name: 'a wholly encrypted file of variables', files: { 'hosts.yaml': tree, 'group_vars/all.yml': 'secret_word: opened\nn: 0644\n' }, encrypted: ['group_vars/all.yml'] },
  { name: 'a wholly encrypted inventory', files: { 'hosts.yaml': tree }, encrypted: ['hosts.yaml'] },
  one('-e as words is text', tree, { extra: ['a=5 who="two words" c=yes', "d='x y' e=a=b lone"] }),
  one('-e as YAML and JSON is typed', tree, { extra: ['{a: 0644, who: [1, yes]}', '{"b": true}', 'a=later'] }),
  { name: '-e @file', files: { 'hosts.yaml': tree, 'more.yml': 'who: file\nz: 0644\n', 'more.json': '{"y": 1}' }, extra: ['@more.yml', '@more.json'] },
  one('-e with templates and escapes', tree, { extra: ['t="{{ a | default(1) }}" n=a\\nb q=\'"\' u={{ x y }}'] }),
  one('a host without a group that is named like one', 'all: {hosts: {a: {x: 1}, n1: }, children: {a: {vars: {y: 2}}, b: {hosts: {n2: }}}}\n'),
  one('reserved names are not printed', 'all: {hosts: {n1: {groups: 1, inventory_dir: 2, ansible_facts: 3, playbook_dir: 4, own: 5, omit: 6}}, vars: {group_names: [a]}}\n'),
  one('names from everywhere', 'grüppe: {hosts: {"nøde[1:2]": {"schlüssel ä": "ß😀"}}}\n"g-1.x": {hosts: {N_1.: }}\n'),
  one('a kubespray shape', `all:
  hosts:
    node1: {ansible_host: 10.0.0.1, ip: 10.0.0.1, access_ip: 10.0.0.1}
    node2: {ansible_host: 10.0.0.2, ip: 10.0.0.2, access_ip: 10.0.0.2}
  children:
    kube_control_plane: {hosts: {node1: }}
    kube_node: {hosts: {node1: , node2: }}
    etcd: {hosts: {node1: }}
    k8s_cluster: {children: {kube_control_plane: , kube_node: }}
    calico_rr: {hosts: {}}
`),
];
