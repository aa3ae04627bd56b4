/** Which images a vulnerability is in, of those whose packages are known. Pure. */
import type { Digest } from '../domain/digest.ts';
import type { Image } from '../oci/store.ts';
import type { Vulnerability } from './match.ts';

export interface ScannedImage {
  readonly image: Pick<Image, 'digest' | 'layers' | 'annotations'>;
  readonly vulnerabilities: readonly Vulnerability[];
  /** How many of its layers are its base's, the lowest first; null where that is not known. */
  readonly baseLayers: number | null;
}

export interface AffectedImage {
  readonly digest: Digest;
  readonly vulnerability: Vulnerability;
  /** The lowest layer that brought one of its packages in: its diff id, and its place from below. Null: not known, as of some scanners' findings. */
  readonly layer: Digest | null;
  readonly layerIndex: number | null;
  /** The base's digest where that layer is the base's: mending the base mends the image. Null: its own, or not known. */
  readonly base: string | null;
}

const BASE = 'org.opencontainers.image.base.digest';

/** One for each component that has it, in the order of the images. `id`: a CVE, or any other name of it, in any case. */
export function affectedImages(id: string, images: readonly ScannedImage[]): readonly AffectedImage[] {
  return images.flatMap(({ image, vulnerabilities, baseLayers }) =>
    vulnerabilities
      .filter((each) => isCalled(each, id))
      .map((vulnerability) => {
        const indices = vulnerability.packages.map((each) => image.layers.findIndex(({ diffId }) => diffId === each.layer));
        const known = indices.filter((index) => index !== -1);
        const layerIndex = known.length === 0 ? null : Math.min(...known);
        const layer = layerIndex === null ? null : (image.layers[layerIndex]?.diffId ?? null);
        const isBases = baseLayers !== null && layerIndex !== null && layerIndex < baseLayers;
        const base = isBases ? (image.annotations[BASE] ?? null) : null;
        return { digest: image.digest, vulnerability, layer, layerIndex, base };
      }),
  );
}

/** An advisory that covers it is about it, too. */
const isCalled = ({ id, aliases, covers }: Vulnerability, name: string): boolean =>
  [id, ...aliases, ...covers].some((each) => each.toLowerCase() === name.toLowerCase());
