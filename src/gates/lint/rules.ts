/** The rules of the recipe's lint, each as data. */
import type { Rule } from './rule.ts';

export const RULES: readonly Rule[] = [
  {
    id: 'root-user',
    severity: 'medium',
    why: 'a process that runs as root needs one hole less to own the machine',
    fix: 'name a user under image.user; ports below 1024 need only `capabilities: [NET_BIND_SERVICE]` under run',
    breaches: ({ image }) => {
      const user = image.config.config.User ?? '';
      return /^(?:|root|0)(?::.*)?$/.test(user) ? [{ key: 'user', what: 'the image runs as root' }] : [];
    },
  },
];
