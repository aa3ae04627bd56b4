/** What opens services: messages, payments, models, data. */
import { entropy, type SecretRule } from './rule.ts';

export const SERVICE_RULES: readonly SecretRule[] = [
  {
    id: 'slack-token',
    severity: 'critical',
    name: 'a token of Slack',
    anchors: ['xox', 'xapp-'],
    pattern: /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250})/g,
    isReal: (secret) => /\d{5}/.test(secret),
  },
  {
    id: 'slack-webhook',
    severity: 'high',
    name: 'a webhook of Slack',
    anchors: ['hooks.slack.com/'],
    pattern: /hooks\.slack\.com\/(?:services|workflows)\/(T\w{7,12}\/[AB]\w{7,12}\/[\w/]{16,60})/g,
  },
  {
    id: 'stripe-key',
    severity: 'critical',
    name: 'a key of Stripe',
    anchors: ['k_live_', 'k_test_', 'whsec_'],
    pattern: /(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/=]{32,80})/g,
  },
  {
    id: 'jwt',
    severity: 'high',
    name: 'a JSON web token',
    anchors: ['eyJ'],
    pattern: /(?<![\w-])eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{20,1000}/g,
    isReal: isSignedToken,
  },
  {
    id: 'vault-token',
    severity: 'critical',
    name: 'a token of Vault',
    anchors: ['hvs.', 'hvb.'],
    pattern: /(?<![\w.])hv[sb]\.[\w-]{24,300}/g,
    isReal: (secret) => entropy(secret) > 3.5,
  },
  {
    id: 'sendgrid-key',
    severity: 'critical',
    name: 'a key of SendGrid',
    anchors: ['SG.'],
    pattern: /(?<![\w.])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g,
  },
  {
    id: 'ai-key',
    severity: 'critical',
    name: 'a key of a model provider',
    anchors: ['sk-ant-', 'sk-proj-', 'sk-svcacct-', 'sk-admin-', 'T3BlbkFJ', 'gsk_', 'xai-', 'pplx-', 'r8_'],
    pattern:
      /(?<![\w-])(?:sk-(?:ant|proj|svcacct|admin)-[\w-]{20,200}|sk-\w{20}T3BlbkFJ\w{20}|gsk_[A-Za-z0-9]{52}|xai-[A-Za-z0-9]{80}|pplx-[A-Za-z0-9]{48}|r8_[A-Za-z0-9]{37})(?!\w)/g,
    isReal: (secret) => entropy(secret) > 3.5,
  },
  {
    id: 'hugging-face-token',
    severity: 'critical',
    name: 'a token of Hugging Face',
    anchors: ['hf_', 'api_org_'],
    pattern: /(?<!\w)(?:hf|api_org)_[A-Za-z0-9]{34,40}(?!\w)/g,
    isReal: (secret) => entropy(secret) > 3.5,
  },
  {
    id: 'linear-key',
    severity: 'critical',
    name: 'a key of Linear',
    anchors: ['lin_api_', 'lin_oauth_'],
    pattern: /(?<!\w)lin_(?:api|oauth)_[A-Za-z0-9]{40,64}(?!\w)/g,
  },
  {
    id: 'shopify-token',
    severity: 'critical',
    name: 'a token of Shopify',
    anchors: ['shpat_', 'shpca_', 'shppa_', 'shpss_', 'shpua_'],
    pattern: /(?<!\w)shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}(?!\w)/g,
  },
  {
    id: 'one-password-token',
    severity: 'critical',
    name: 'a token or key of 1Password',
    anchors: ['ops_eyJ', 'A3-'],
    pattern:
      /(?<![\w-])(?:ops_eyJ[\w+/=-]{200,2000}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}(?![\w-]))/g,
  },
  {
    id: 'notion-token',
    severity: 'critical',
    name: 'a token of Notion',
    anchors: ['ntn_'],
    pattern: /(?<!\w)ntn_\d{11}[A-Za-z0-9]{35}(?!\w)/g,
  },
  {
    id: 'figma-token',
    severity: 'critical',
    name: 'a token of Figma',
    anchors: ['figd_'],
    pattern: /(?<!\w)figd_[\w-]{40}(?![\w-])/g,
  },
  {
    id: 'grafana-token',
    severity: 'critical',
    name: 'a token of Grafana',
    anchors: ['glsa_', 'glc_'],
    pattern: /(?<!\w)(?:glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/]{50,400}={0,2})(?!\w)/g,
  },
  {
    id: 'postman-key',
    severity: 'critical',
    name: 'a key of Postman',
    anchors: ['PMAK-'],
    pattern: /(?<![\w-])PMAK-[0-9a-f]{24}-[0-9a-f]{34}(?!\w)/g,
  },
  {
    id: 'sentry-token',
    severity: 'critical',
    name: 'a token of Sentry',
    anchors: ['sntrys_', 'sntryu_'],
    pattern: /(?<!\w)(?:sntrys_eyJ[\w+/=-]{60,400}|sntryu_[0-9a-f]{64})(?!\w)/g,
  },
  {
    id: 'new-relic-key',
    severity: 'critical',
    name: 'a key of New Relic',
    anchors: ['NRAK-'],
    pattern: /(?<![\w-])NRAK-[A-Z0-9]{27}(?!\w)/g,
  },
  {
    id: 'twilio-key',
    severity: 'high',
    name: 'a key of Twilio',
    anchors: ['SK'],
    pattern: /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/g,
    isReal: (secret) => entropy(secret) > 3,
  },
  {
    id: 'mailchimp-key',
    severity: 'high',
    name: 'a key of Mailchimp',
    anchors: ['-us'],
    pattern: /(?<=(?<![\w-])([0-9a-f]{32}))-us\d{1,2}(?!\w)/g,
    isReal: (secret) => entropy(secret) > 3,
  },
  {
    id: 'mailgun-key',
    severity: 'high',
    name: 'a key of Mailgun',
    anchors: ['key-'],
    pattern: /(?<![\w-])key-[0-9a-f]{32}(?!\w)/g,
    isReal: (secret) => entropy(secret) > 3,
  },
  {
    id: 'telegram-token',
    severity: 'critical',
    name: 'a token of a bot of Telegram',
    anchors: [':AA'],
    pattern: /(?<!\w)\d{8,10}:AA[\w-]{33}(?![\w-])/g,
  },
  {
    id: 'discord-webhook',
    severity: 'high',
    name: 'a webhook of Discord',
    anchors: ['/api/webhooks/'],
    pattern: /discord(?:app)?\.com\/api\/webhooks\/(\d{17,20}\/[\w-]{60,90})/g,
  },
  {
    id: 'square-token',
    severity: 'critical',
    name: 'a token of Square',
    anchors: ['sq0', 'EAAA'],
    pattern: /(?<![\w-])(?:sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w-]{60})(?![\w-])/g,
    isReal: (secret) => entropy(secret) > 3,
  },
  {
    id: 'planetscale-token',
    severity: 'critical',
    name: 'a password of PlanetScale',
    anchors: ['pscale_'],
    pattern: /(?<!\w)pscale_(?:tkn|oauth|pw)_[\w.-]{32,64}(?![\w-])/g,
  },
  {
    id: 'supabase-token',
    severity: 'critical',
    name: 'a token of Supabase',
    anchors: ['sbp_'],
    pattern: /(?<!\w)sbp_[0-9a-f]{40}(?!\w)/g,
  },
];

/** Its first part says how it is signed; not the one that every tutorial shows. */
function isSignedToken(token: string): boolean {
  const [head = '', body = ''] = token.split('.');
  try {
    const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString());
    const isToken = typeof header === 'object' && header !== null && 'alg' in header;
    return isToken && !/"John Doe"|"1234567890"/.test(Buffer.from(body, 'base64url').toString());
  } catch {
    return false;
  }
}
