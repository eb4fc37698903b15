import type { InventoryCase } from './inventory-corpus.ts';

const ini = (name: string, text: string, more: Omit<InventoryCase, 'name' | 'files'> = {}): InventoryCase => ({ name: `INI: ${name}`, files: { 'hosts.ini': text }, sources: ['hosts.ini'], ...more });
const values = (name: string, lines: string): InventoryCase => ini(name, `n1\n[all:vars]\n${lines}\n`);

export const iniTree = `n5
[managers]
n1 who=inline-n1
n2
[managers:vars]
who=inline-managers
m=1
[managers:children]
inner
[inner]
n3
[inner:vars]
who=inline-inner
[workers]
n2
n4
[all:vars]
who=inline-all
all_only=1
`;

export const iniCorpus: readonly InventoryCase[] = [
  ini('one host', 'n1\n'),
  ini('groups, children, variables and ungrouped', iniTree),
  ini('a group that is filled twice', '[a]\nn1\n[b]\nn2\n[a]\nn3 x=1\nn1 y=2\n'),
  ini('children before and after their declaration, in the order of declaration', '[p:children]\nb\nc\na\n[a]\nn1\n[q:children]\na\nc\n[c]\nn3\n[b]\nn2\n'),
  ini('children of several parents, declared as parents themselves', '[x:children]\nm\n[y:children]\nm\n[m:children]\nl\n[l]\nn1\n'),
  ini('variables before the group', '[a:vars]\nx=1\n[b:children]\na\n[a]\nn1\n'),
  ini('a group that is only a parent of nothing', '[a:children]\n[b]\nn1\n'),
  ini('depth and priority', '[a]\nn1\n[a:vars]\nv=a\nansible_group_priority=10\n[b]\nn1\n[b:vars]\nv=b\n[c:children]\nd\n[d]\nn1\n[d:vars]\nv=d\nw=d\n'),
  ini('the sections of all and ungrouped', '[ungrouped]\nn1\n[all]\nn2\nn3 x=1\n[g]\nn3\n[all:vars]\ny=2\n[ungrouped:vars]\nz=3\n'),
  ini('comments of every place', '# one\n; two\n[a] # three\nn1 x=1 # four\nn2 x=a#b y=2\nn3 x="a # b" y=\'c#d\'\n  # five\n\n[a:vars]\nv=1 # six\nw=text # seven\nu="text" # eight\n[b:children] # nine\na # ten\n'),
  ini('spaces around everything', '  [a]  \n\t n1   x=1\ty=2  \n[a:vars]\n  v  =  w w  \nx =\ny=  \n'),
  ini('quotes on a host line', `n1 a="x y" b='x y' c="it's" d='say "x"' e="a\\"b" f="a\\\\b" g='a\\b' h=a\\ b i="" j='' k=a"b c"d l="a\\nb" m=\\"x\\"\n`),
  ini('literals on a host line', `n1 a=1 b=1.5 c=True d=true e=None f=[1,2] g="[1, 'x']" h="{'a': 1}" i='"5"' j="'x y'" k=1,2 l=0x1F m=010 n=1_000 o=-3 p=+4 q=1e3 r=10.0.0.1 s=2001:db8::1 t=(1,) u="{'a': [1, {'b': None}]}"\n`),
  values('whole numbers', 'a=0\nb=-0\nc=00\nd=08\ne=0o17\nf=0b11\ng=0xfF\nh=1__0\ni=1_\nj=_1\nk=0_0\nl=- 5\nm=--5\nn=+-5\no=-(5)\np=(5)\nq=((5))\nr=123456789012345678901234567890\ns=5L\nt=5 5\nu=1+2\nv=5;\nw=5,\nx=~5\ny=not 1'),
  values('broken numbers', 'a=.5\nb=5.\nc=1e5\nd=1E-3\ne=1.5.2\nf=01.5\ng=1_0.5\nh=-0.0\ni=1.e2\nj=0e0\nk=1e\nl=inf\nm=nan\nn=1e5x\no=0x\np=0xg\nq=0b2\nr=-.5\ns=1._5\nt=1_000.000_1'),
  values('words', 'a=True\nb=False\nc=None\nd=true\ne=TRUE\nf=null\ng=yes\nh=~\ni=set\nj=-True\nk=None None\nl=...x\nm=True,\nn=int(5)\no=x.y\np=5 if 1 else 2'),
  values('texts', `a="x"\nb='x'\nc="it's"\nd='a' 'b'\ne="a"'b'\nf="a" b\ng=r"a\\nb"\nh=u"x"\ni=b"x"\nj=f"x"\nk="a\\tb\\x41\\u00e9\\101\\q\\\\"\nl='''x'''\nm="""a"b"""\nn=""\no=''\np="open\nq=open"\nr=" x "\ns="x" # c\nt='x' 5\nu="x\nv=B'\\x41'\nw=Rb"a\\n"\nx=""""\ny=(("x")  "y")\nz="\\U0001F600"`),
  values('collections', `a=[]\nb=[1, 'two', [3.5, None]]\nc=()\nd=(1)\ne=(1,)\nf=1, 2\ng={}\nh={'a': 1, 'b': {'c': [True]}}\ni=[1, 2,]\nj=[,]\nk=[1 2]\nl=[x]\nm={'a'}x\nn={1: 'a', True: 'b', None: 'c', 1.5: 'd', 2.0: 'e', -3: 'f'}\no={'a': 1, 'a': 2}\np=[1\nq=1]\nr={'a' 1}\ns=[1] # c\nt=[1][0]\nu={'a': 1,}\nv=[*[1]]\nw={**{}}\nx=(1, [2])\ny=[1, # c\nz="a", "b"`),
  values('templates and addresses stay text', 'a={{ b }}\nb={{ c }}-x\nc=http://x:80/y?a=b&c=d\nd=10.0.0.0/8\ne=node1.example.com\nf=/etc/x\ng=a=b=c\nh=-o ProxyCommand="ssh -W %h:%p -q b"\ni=$HOME\nj=a,b\nk=*\nl=@x\nm=x@y\nn=1.2.3\no=2026-01-02\np=12:30\nq=%x'),
  values('a value that looks like an option list', `ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p -q user@bastion" -o StrictHostKeyChecking=no'\nansible_ssh_extra_args=-o Port=22 -J b`),
  ini('duplicates: the last wins', 'n1 a=1 a=2\n[g]\nn1 a=3\n[g:vars]\nb=1\nb=2\n'),
  ini('numeric ranges', '[g]\nn[1:3]\nm[01:03] x=1\nk[00:10:5].example.com\nr[:2]\n'),
  ini('alphabetic ranges and several in one name', 'n[a:c]\nr[1:2]-[x:z:2].example.com y=1\n'),
  ini('host:port', 'n1:2222\nn[1:2].example.com:23\n10.0.0.1:24 x=1\nn4:0\n'),
  ini('IPv6', '[2001:db8::1]:2222 x=1\n2001:db8::2\n::1\n'),
  ini('ansible_port beside host:port', 'n1:2222 ansible_port=23\n'),
  ini('a name that is no address keeps its colon', 'n0\nn_:22\nn1:x\n'),
  ini('a host named like a group', '[db]\nn1\ndb x=1\n'),
  ini('names from everywhere', '[grüppe]\nnøde[1:2] schlüssel=ß\n[g-1.x]\nN_1.\n'),
  ini('reserved names are not printed', 'n1 groups=1 inventory_dir=2 own=3\n'),
  ini('CRLF', '[a]\r\nn1 x=1\r\n[a:vars]\r\ny=z\r\n'),
  { name: 'INI: comments in another encoding', files: { 'hosts.ini': '# caf\u00e9\n[a]\nn1\n' }, sources: ['hosts.ini'], latin1: ['hosts.ini'] },
  { name: 'INI: no ending', files: { hosts: '[a]\nn1 x=1\nn2\n[a:vars]\ny=2\n' }, sources: ['hosts'] },
  { name: 'INI: no ending, hosts before sections', files: { hosts: 'n0 x=1\n# c\n[a]\nn1\n' }, sources: ['hosts'] },
  { name: 'INI: no ending, one word', files: { hosts: 'n0\n' }, sources: ['hosts'] },
  { name: 'INI: no ending, a comment with a colon', files: { hosts: '; note: this\n[a]\nn1\n' }, sources: ['hosts'] },
  { name: 'INI: in a file that ends in .yaml', files: { 'hosts.yaml': '[a]\nn1 x=1\n' } },
  { name: 'INI: any other ending', files: { 'hosts.prod': '[a]\nn1 x=1\n' }, sources: ['hosts.prod'] },
  { name: 'INI: an ending that only looks like one', files: { 'production.example.com': 'n1\n' }, sources: ['production.example.com'] },
  { name: 'INI: an executable file that is no program', files: { hosts: '[a]\nn1\n' }, sources: ['hosts'], executable: ['hosts'] },
  { name: 'INI: wholly encrypted', files: { 'hosts.ini': iniTree }, sources: ['hosts.ini'], encrypted: ['hosts.ini'] },
  {
    name: 'INI: group_vars and host_vars', sources: ['inv/hosts'], cwd: 'work',
    files: { 'inv/hosts': iniTree, 'inv/group_vars/all.yml': 'who: file-all\nf: 1\n', 'inv/group_vars/managers/a.yml': 'm: file\n', 'work/host_vars/n2.yml': 'h: 2\n', 'work/group_vars/inner': 'who: cwd-inner\n' },
  },
  { name: 'INI beside YAML and a list', files: { 'a.ini': iniTree, 'b.yaml': 'managers: {hosts: {n9: {x: 1}}, vars: {m: 2}}\nnew: {children: {workers: }}\n' }, sources: ['a.ini', 'b.yaml', 'n1,n8:22'] },
  { name: 'YAML before INI: the group is known', files: { 'a.yaml': 'g: {hosts: {n1: }}\n', 'b.ini': '[g:vars]\nx=1\n[p:children]\ng\n' }, sources: ['a.yaml', 'b.ini'] },
  { name: 'INI: a folder of files without endings', files: { 'inv/01-hosts': '[a]\nn1\n', 'inv/02-groups': '[p:children]\na\n[p:vars]\nx=1\n', 'inv/group_vars/p': 'y: 1\n' }, sources: ['inv'] },
  ini('a kubespray shape', `[all]
node1 ansible_host=95.54.0.12 ip=10.3.0.1 etcd_member_name=etcd1
node2 ansible_host=95.54.0.13 ip=10.3.0.2 etcd_member_name=etcd2

# bastion ansible_host=x.x.x.x ansible_user=some_user

[kube_control_plane]
node1

[etcd]
node1

[kube_node]
node2

[calico_rr]

[k8s_cluster:children]
kube_control_plane
kube_node
calico_rr
`),
];
