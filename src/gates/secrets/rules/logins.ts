/** Passwords, in the forms in which programs are given them. */
import { isPassword, type SecretRule } from './rule.ts';

export const LOGIN_RULES: readonly SecretRule[] = [
  {
    id: 'netrc',
    severity: 'critical',
    name: 'a password',
    anchors: ['password'],
    pattern: /(?<![\w])password\s{1,8}(\S{3,200})/g,
    paths: /(?:^|\/)(?:[._]netrc|etc\/apt\/auth\.conf(?:\.d\/[^/]+)?)$/,
  },
  {
    id: 'pgpass',
    severity: 'critical',
    name: 'a password of PostgreSQL',
    anchors: [':'],
    pattern: /^[^:#\n]{1,200}:[^:\n]{1,10}:[^:\n]{1,100}:[^:\n]{1,100}:([^\n]{3,200})$/gm,
    paths: /(?:^|\/)\.pgpass$/,
  },
  {
    id: 'password-hash',
    severity: 'high',
    name: "a password's hash",
    anchors: [':$'],
    pattern: /^[^:\n]{1,64}:(\$(?:[1567y]|2[aby]|apr1)\$[^:\n]{8,200})/gm,
    paths: /(?:^|\/)(?:shadow-?|\.?htpasswd)$/,
  },
  {
    id: 'basic-auth-url',
    severity: 'high',
    name: 'a password in a URL',
    anchors: ['://'],
    pattern:
      /(?<=[a-z0-9]):\/\/[^\s:@/"'`<>{}[\]()$%\\|,;]{0,100}:([^\s@/"'`<>{}[\]()\\|,]{3,200})@(?![\w.-]*\bexample\b)[A-Za-z0-9[][\w.:-]{1,200}/gi,
    isReal: isPassword,
  },
  {
    // JDBC (`jdbc:mysql://h/d?user=u&password=p`), ADO.NET (`Server=h;User Id=u;Password=p`), libpq (`host=h password=p`).
    id: 'connection-string',
    severity: 'high',
    name: 'a password in a connection string',
    anchors: ['assword', 'ASSWORD', 'Pwd', 'pwd', 'PWD'],
    pattern:
      /(?:\bjdbc:|\b(?:Server|Data Source|Host|Addr|Address|Network Address|Driver)\s?=)[^\n"'`]{0,300}?[;?&\s](?:password|pwd)\s?=\s?([^;&\s"'`<>]{3,200})/gi,
    isReal: isPassword,
  },
  {
    id: 'connection-string-oracle',
    severity: 'high',
    name: 'a password in a connection string',
    anchors: ['jdbc:oracle:'],
    pattern: /jdbc:oracle:[a-z0-9]{2,8}:[^/\s"'`@]{1,100}\/([^@\s"'`/]{3,200})@/g,
    isReal: isPassword,
  },
];
