// Whether dist/ lags behind src/. The launcher asks this at every start in a clone, so it must cost next to nothing:
// it loads no module, and gets `fs` handed in.

/** True when a file or folder of src/, the build itself, or package.json with the version, is newer than dist's stamp, or there is no stamp. */
export function isStale(fs, repository) {
  let stampedMs;
  try { stampedMs = fs.statSync(`${repository}/dist/stamp.json`).mtimeMs; } catch { return true; }
  return isNewer(fs, `${repository}/scripts/build.mjs`, stampedMs) || isNewer(fs, `${repository}/package.json`, stampedMs) || hasNewer(fs, `${repository}/src`, stampedMs);
}

function isNewer(fs, path, thanMs) {
  // A file that vanished since it was listed changed its folder, and that is seen.
  return (fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > thanMs;
}

function hasNewer(fs, folder, thanMs) {
  if (isNewer(fs, folder, thanMs)) return true;
  return fs.readdirSync(folder, { withFileTypes: true }).some((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? hasNewer(fs, path, thanMs) : isNewer(fs, path, thanMs);
  });
}
