/** Post-processors: those that have a counterpart become options of `kiln bake`. */
import type { Notices } from './opening.ts';
import { Refusal, type Problems } from './problems.ts';
import { translateLocal } from './steps/provisioners.ts';
import { isWhole, Settings, type Section } from './template.ts';

const INSTEAD: Readonly<Record<string, string>> = {
  'amazon-import': 'use `kiln push` to a registry that the cloud reads',
  artifice: 'files are laid into the image by the recipe',
  checksum: 'an image is named by its digest already',
  compress: 'layers are compressed already',
  'docker-import': 'the bake is in the store already',
  'docker-push': 'use `kiln push` after the bake',
  'docker-save': 'use `kiln push` after the bake',
  vagrant: 'a bake makes OCI images; take it away',
  'vagrant-cloud': 'a bake makes OCI images; take it away',
};

/** Words to put behind `kiln bake DIR`. */
export function bakeOptions(sections: readonly Section[], problems: Problems, notices: Notices): readonly string[] {
  return sections.flatMap((section) => (isWhole(section) ? problems.attempt(() => optionsOf(section, notices)) : null) ?? []);
}

function optionsOf(section: Section, notices: Notices): readonly string[] {
  switch (section.type) {
    case 'manifest':
      return manifest(section);
    case 'docker-tag':
      return dockerTag(section, notices);
    case 'shell-local':
      translateLocal(section, { notices });
      return [];
    default: {
      const instead = Object.hasOwn(INSTEAD, section.type) ? INSTEAD[section.type] : 'take it away';
      throw new Refusal(section.at, `the post-processor ${section.type} has no counterpart; ${instead}`);
    }
  }
}

function manifest(section: Section): readonly string[] {
  const settings = new Settings(section);
  if (settings.get('custom_data') !== null)
    throw new Refusal(
      settings.placeOf('custom_data'),
      'manifest: Kiln writes tags and digest, and no custom_data; take it away, or keep it in image.labels',
    );
  return ['--packer-manifest', settings.text('output') ?? 'packer-manifest.json'];
}

/** A tag of an image in Kiln is its service's: the repository's name goes. */
function dockerTag(section: Section, notices: Notices): readonly string[] {
  const settings = new Settings(section);
  const tags = [...settings.texts('tags'), ...settings.texts('tag')];
  const [tag, ...more] = tags;
  if (tag === undefined)
    throw new Refusal(section.at, 'docker-tag: has no tags, so it would be latest, which moves; write a version');
  const bad = tags.find((each) => each === 'latest' || !/^\w[\w.-]{0,127}$/.test(each));
  if (bad !== undefined)
    throw new Refusal(settings.placeOf('tags'), `docker-tag: "${bad}" is no tag that stays; write a version`);
  const repository = settings.text('repository');
  notices.add(
    section.at,
    `docker-tag: tags belong to the service here${repository === null ? '' : `; ${repository} is what \`kiln push\` is told`}`,
  );
  for (const each of more) notices.add(section.at, `docker-tag: add ${each} after the bake: \`kiln tag IMAGE NAME:${each}\``);
  return ['--tag', tag];
}
