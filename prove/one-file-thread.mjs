// Loaded before vaultctl by `node --import`, with UV_THREADPOOL_SIZE=1: writes the id of the one thread that makes its file
// calls into the file `?ready=`, and waits until that file is gone. By then strace holds the thread.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const WAITS_MS = 10_000;
const ready = new URL(import.meta.url).searchParams.get('ready');
// The thread is started by the first call that needs it.
await stat('/');
const thread = readdirSync('/proc/self/task').find((one) => readFileSync(`/proc/self/task/${one}/comm`, 'utf8').startsWith('libuv-worker'));
writeFileSync(`${ready}.new`, thread ?? 'none');
renameSync(`${ready}.new`, ready);
const pause = new Int32Array(new SharedArrayBuffer(4));
for (const end = Date.now() + WAITS_MS; existsSync(ready) && Date.now() < end;) Atomics.wait(pause, 0, 0, 2);
