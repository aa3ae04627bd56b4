/** Every kind of provisioner, and what becomes of it. */
import { Refusal } from '../problems.ts';
import { Settings, type Section } from '../template.ts';
import { translateAnsible } from './ansible.ts';
import type { Context, Translation } from './context.ts';
import { translateFile } from './file.ts';
import { translateShell } from './shell.ts';

const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  ansible: translateAnsible,
  'ansible-local': translateAnsible,
  breakpoint: ({ at }, { notices }) => notices.add(at, 'breakpoint left out: a bake that fails resumes at its failed step'),
  file: translateFile,
  shell: translateShell,
  'shell-local': translateLocal,
};

const INSTEAD: Readonly<Record<string, string>> = {
  'chef-client': 'apply the same by commands or a playbook',
  'chef-solo': 'apply the same by commands or a playbook',
  inspec: 'check the image by tests of the recipe',
  powershell: 'Kiln bakes Linux only',
  'puppet-masterless': 'apply the same by commands or a playbook',
  'puppet-server': 'apply the same by commands or a playbook',
  'salt-masterless': 'apply the same by commands or a playbook',
  'windows-restart': 'Kiln bakes Linux only',
  'windows-shell': 'Kiln bakes Linux only',
  'windows-update': 'Kiln bakes Linux only',
};

export function translate(section: Section, context: Context): void {
  const known = Object.hasOwn(TRANSLATIONS, section.type) ? TRANSLATIONS[section.type] : undefined;
  if (known === undefined) {
    const instead = Object.hasOwn(INSTEAD, section.type) ? INSTEAD[section.type] : 'do by commands (shell) what it does';
    throw new Refusal(section.at, `the provisioner ${section.type} has no counterpart in a recipe; ${instead}`);
  }
  known(section, context);
}

/** Commands on the machine that runs Packer. Words to a person are harmless; nothing else is done here at all. */
export function translateLocal(section: Section, { notices }: Pick<Context, 'notices'>): void {
  const settings = new Settings(section);
  const lines = [...settings.texts('inline'), ...settings.texts('command')];
  const harmless =
    lines.length > 0 &&
    !section.settings.has('script') &&
    !section.settings.has('scripts') &&
    lines.every((line) => /^(?:echo\b[^;&|<>$`\n]*|true|:)$/.test(line.trim()));
  if (!harmless) {
    throw new Refusal(
      section.at,
      `${section.type} runs commands on the machine that bakes, which an image must not depend on; do it before the bake, or in the image by shell`,
    );
  }
  notices.add(section.at, `${section.type} left out: it only says something`);
}
