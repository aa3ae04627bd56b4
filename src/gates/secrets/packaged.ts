/**
 * Which files of a layer packages brought, by the lists that came with them in that same layer. What somebody else writes in
 * their place, in a layer of its own, or beside them, is on no list.
 */
import type { ContentSink, LayerVisitor } from '../../oci/layer-scan.ts';
import { isPackageList, merged, namedPaths } from '../package-lists.ts';

const LIST_BYTES = 64 << 20;

/** npm and gems name no files: a package is a folder with what tells of it. Go's cache holds nothing but what was downloaded. */
const NPM = /^(.*node_modules\/(?:@[^/]+\/)?[^/@][^/]*)\/package\.json$/;
const GEM = /^(.*)\/specifications\/([^/]+)\.gemspec$/;
const GO = /(?:^|\/)go\/pkg\/mod\/.*@v[^/]+\//;

export interface PackagedReader extends LayerVisitor {
  /** Once the layer has been read to its end: those of the paths that packages brought. */
  packaged(paths: ReadonlySet<string>): ReadonlySet<string>;
}

export function packagedReader(): PackagedReader {
  const lists = new Map<string, Buffer>();
  const folders = new Set<string>();
  return {
    entry({ path, kind, size }) {
      lists.delete(path);
      if (kind !== 'file') return null;
      const [, npm] = NPM.exec(path) ?? [];
      if (npm !== undefined) folders.add(npm);
      const [, gems, gem] = GEM.exec(path) ?? [];
      if (gems !== undefined) folders.add(`${gems}/gems/${gem ?? ''}`);
      return size <= LIST_BYTES && isPackageList(path) ? whole((content) => lists.set(path, content)) : null;
    },
    packaged(paths) {
      const wanted = new Map([...paths].map((path) => [merged(path), path]));
      const found = new Set([...paths].filter((path) => GO.test(path) || isWithin(folders, path)));
      for (const [path, content] of lists) {
        for (const named of namedPaths(path, content)) {
          const own = wanted.get(named);
          if (own !== undefined) found.add(own);
        }
      }
      return found;
    },
  };
}

function isWithin(folders: ReadonlySet<string>, path: string): boolean {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (folders.has(path.slice(0, at))) return true;
  return false;
}

function whole(done: (content: Buffer) => void): ContentSink {
  const pieces: Buffer[] = [];
  return {
    write: (bytes) => void pieces.push(Buffer.from(bytes)),
    end: () => done(Buffer.concat(pieces)),
  };
}
