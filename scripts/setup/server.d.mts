/** `{ path, name, origin }`: an executable that answers `server`, its name as it says it, and whence it is. Builds it where there is none. */
export function server(repository: string): Promise<{ path: string; name: string; origin: string }>;
/** Where the build is kept: keyed by all that decides what it is. `module` is the folder of its go.mod. */
export function cachedPath(module: string): string;
