/** All that is looked for by its form. */
import { CLOUD_RULES } from './clouds.ts';
import { FORGE_RULES } from './forges.ts';
import { KEY_RULES } from './keys.ts';
import { LOGIN_RULES } from './logins.ts';
import type { SecretRule } from './rule.ts';
import { SERVICE_RULES } from './services.ts';

export const SECRET_RULES: readonly SecretRule[] = [
  ...KEY_RULES,
  ...CLOUD_RULES,
  ...FORGE_RULES,
  ...SERVICE_RULES,
  ...LOGIN_RULES,
];
