/** A Dockerfile: baked as it is, by buildah. */
import { healthAssumption, serving, type Proposal, type ProjectFolder } from './proposal.ts';

const NAMES = ['Dockerfile', 'Containerfile'];

export function dockerfileService(folder: ProjectFolder): Proposal | null {
  const name = NAMES.find((each) => folder.read(each) !== null);
  const text = name === undefined ? null : folder.read(name);
  if (name === undefined || text === null) return null;
  const exposed = [...text.matchAll(/^\s*EXPOSE\s+(\d{1,5})/gim)]
    .map(([, port]) => Number(port))
    .findLast((port) => port > 0 && port < 65_536);
  const port = exposed ?? 8080;
  const moves = [...text.matchAll(/^\s*FROM\s+(?:--platform=\S+\s+)?(\S+)/gim)]
    .map(([, from = '']) => from)
    .filter((from) => /^[^:@$]+(?::latest)?$/.test(from) && from !== 'scratch');
  const stages = new Set([...text.matchAll(/^\s*FROM\s.*\sAS\s+(\S+)\s*$/gim)].map(([, stage = '']) => stage));
  const loose = moves.filter((from) => !stages.has(from));
  return {
    kind: 'a Dockerfile',
    image: { dockerfile: name },
    run: serving(port, null),
    files: {},
    assumed: [
      `the image is what ${name} makes; its bases are pinned by digest in kiln.lock`,
      exposed === undefined
        ? `it listens on port ${port}, because ${name} has no EXPOSE`
        : `it listens on port ${port}, as EXPOSE says`,
      healthAssumption(null),
      ...(loose.length === 0 ? [] : [`${loose.join(', ')} names no version, and kiln.lock keeps what it was at the first bake`]),
    ],
  };
}
