/** Documents of an image's inventory, by the names that people give. */
import type { Json } from '../domain/json.ts';
import type { Image } from '../oci/store.ts';
import { version } from '../platform/version.ts';
import { cyclonedx } from './documents/cyclonedx.ts';
import { spdx } from './documents/spdx.ts';
import { timestampOf } from './documents/subject.ts';
import type { Inventory } from './package.ts';
import { plain } from './text.ts';

export type SbomFormat = 'cyclonedx' | 'spdx';

const DOCUMENTS = { cyclonedx, spdx } as const;
const TITLE = 'org.opencontainers.image.title';
/** Where the image does not say what it is called. */
const NAMELESS = 'image';

/** The same image and version of Kiln give the same document, whoever asks and whenever. */
export function sbomOf(image: Pick<Image, 'digest' | 'config' | 'annotations'>, inventory: Inventory, format: SbomFormat): Json {
  const { digest, config, annotations } = image;
  const name = plain(annotations[TITLE] ?? config.config.Labels?.[TITLE], 256);
  const created = timestampOf(config.created);
  return DOCUMENTS[format]({ digest, name: name ?? NAMELESS, created, inventory, toolVersion: version() });
}
