/** What reading an inventory needs of the machine; kept apart so that `src/inventory` touches nothing by itself. */
export interface InventoryFiles {
  kind(path: string): 'file' | 'folder' | 'absent' | 'other';
  /** Throws with Node's `code`; files over `limitBytes` throw EFBIG. */
  read(path: string, limitBytes: number): Uint8Array;
  /** Names, unsorted. */
  list(path: string): string[];
  executable(path: string): boolean;
  /** Whether everybody may write into the folder; false where it cannot be asked. */
  worldWritable(path: string): boolean;
}
