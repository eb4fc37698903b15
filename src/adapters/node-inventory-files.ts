import { accessSync, closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import type { InventoryFiles } from '../ports/inventory-files.ts';

/** The machine's own files; links are followed, as Ansible does. */
export const nodeInventoryFiles: InventoryFiles = {
  kind(path) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return 'absent';
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  },

  /** A pipe (`-e @<(…)`) has no size to trust, so the bytes that come are counted; one that nobody fills must not hang us. */
  read(path, limitBytes) {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = fstatSync(descriptor);
      if (found.isFile() && found.size > limitBytes) throw tooLarge(path, limitBytes);
      const chunks: Uint8Array[] = [];
      let size = 0;
      for (;;) {
        const chunk = new Uint8Array(64 * 1024);
        const count = readPatiently(descriptor, chunk);
        if (count === 0) return Buffer.concat(chunks);
        size += count;
        if (size > limitBytes) throw tooLarge(path, limitBytes);
        chunks.push(chunk.subarray(0, count));
      }
    } finally {
      closeSync(descriptor);
    }
  },

  list(path) { return readdirSync(path); },

  executable(path) {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },

  worldWritable(path) { return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & constants.S_IWOTH) !== 0; },
};

const pipeWaitMs = 10_000;
const napMs = 20;

/** Waits for a slow pipe, within bounds. */
function readPatiently(descriptor: number, chunk: Uint8Array): number {
  for (let waitedMs = 0; ; waitedMs += napMs) {
    try {
      return readSync(descriptor, chunk, 0, chunk.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waitedMs >= pipeWaitMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, napMs);
    }
  }
}

function tooLarge(path: string, limitBytes: number): Error {
  return Object.assign(new Error(`${path} is larger than ${limitBytes} bytes`), { code: 'EFBIG' });
}
