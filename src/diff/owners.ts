/** Which files are those of packages that differ: an upgrade changes hundreds of them, and is one thing. */
import { listedPaths, listOwner, merged } from '../gates/package-lists.ts';
import { type ImageTree, readImageFiles } from '../oci/image-tree.ts';
import { parentOf } from '../oci/layer-paths.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { bytesOf } from '../oci/tar-format.ts';
import type { Inventory } from '../sbom/package.ts';
import type { PackageDifference } from './contract.ts';

/** The name of the package that brings what is at a path; null: none of those that differ. */
export type Owners = (path: string) => string | null;

export interface OwnersOf {
  readonly layers: readonly Layer[];
  readonly tree: ImageTree;
  readonly inventory: Inventory;
}

const LIST_BYTES = 16 << 20;
/** dpkg's own notes of a package, beside the list of its files. */
const NOTES = /^var\/lib\/dpkg\/info\/([a-z0-9][a-z0-9+.-]*?)(?::[a-z0-9-]+)?\.[a-z0-9]+$/;

/** Of one image. Packages of Debian say what their files are; one of npm is a folder. Throws as `scanLayer`. */
export async function ownersOf(
  store: Pick<ImageStore, 'openLayer'>,
  { layers, tree, inventory }: OwnersOf,
  differences: readonly PackageDifference[],
): Promise<Owners> {
  const named = (wanted: PackageDifference['type']): ReadonlySet<string> =>
    new Set(differences.filter(({ type }) => type === wanted).map(({ name }) => name));
  const [debian, npm] = [named('deb'), named('npm')];
  const files = debian.size === 0 ? new Map<string, string>() : await debianFiles(store, layers, tree, debian);
  const folders = new Map(
    inventory.packages
      .filter(({ type, name }) => type === 'npm' && npm.has(name))
      .map(({ name, where }) => [parentOf(bytesOf(where.path).toString('latin1')), name]),
  );
  return (path) => {
    const note = NOTES.exec(path)?.[1];
    if (note !== undefined && debian.has(note)) return note;
    return files.get(merged(path)) ?? (folders.size === 0 ? null : nearest(folders, path));
  };
}

async function debianFiles(
  store: Pick<ImageStore, 'openLayer'>,
  layers: readonly Layer[],
  tree: ImageTree,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const lists = [...tree].filter(([path]) => names.has(listOwner(path) ?? ''));
  const from = new Set(lists.map(([, { layer }]) => layer));
  const wanted = new Set(lists.map(([path]) => path));
  const image = { layers: layers.filter((_, index) => from.has(index)) };
  const contents = await readImageFiles(store, image, (path) => wanted.has(path), { maxBytes: LIST_BYTES });
  const owners = new Map<string, string>();
  for (const [path, content] of contents) for (const file of listedPaths(content)) owners.set(file, listOwner(path) ?? '');
  return owners;
}

/** A package within another's folder is one of its own. */
function nearest(folders: ReadonlyMap<string, string>, path: string): string | null {
  for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
    const name = folders.get(folder);
    if (name !== undefined) return name;
  }
  return null;
}
