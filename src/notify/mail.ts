/** E-mail by SMTP. Encrypted with STARTTLS or TLS, unless the settings say otherwise; the library is loaded when one is sent. */
import type { Notice } from './notice.ts';
import type { Answer } from './post.ts';
import { requireSecret } from './secret.ts';
import type { Receiver } from './settings.ts';

type Mailbox = NonNullable<Receiver['email']>;

interface Letter {
  readonly id: string;
  readonly notice: Notice;
}

interface MailParts {
  readonly env: NodeJS.ProcessEnv;
  readonly withinMs: number;
}

/** The `Message-ID` is the same for each attempt. Throws where the server can't be asked. */
export async function sendMail(mailbox: Mailbox, { id, notice }: Letter, { env, withinMs }: MailParts): Promise<Answer> {
  const { to, from, smtp, user, plain, 'password-from': source } = mailbox;
  const { createTransport } = await import('nodemailer');
  const { protocol, hostname, port } = new URL(smtp);
  const pass = source === undefined ? undefined : await requireSecret(source, env);
  const secure = protocol === 'smtps:';
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && !plain,
    ignoreTLS: plain,
    ...(user === undefined ? {} : { auth: { user, pass: pass ?? '' } }),
    connectionTimeout: withinMs,
    greetingTimeout: withinMs,
    socketTimeout: withinMs,
  });
  try {
    const messageId = `<${id}@${from.split('@')[1] ?? 'kiln'}>`;
    await transport.sendMail({
      from,
      to: [...to],
      subject: subjectOf(notice),
      text: textOf(notice),
      messageId,
      date: new Date(notice.at),
    });
    return { kind: 'taken' };
  } catch (error) {
    return answerOf(error as SmtpError);
  } finally {
    transport.close();
  }
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/** The server's own words may repeat an address or a password: the code is enough. */
function answerOf({ code, responseCode }: SmtpError): Answer {
  if (code === 'ETLS') return { kind: 'later', why: 'the mail server offers no TLS' };
  if (responseCode !== undefined) {
    const kind = responseCode >= 500 && code !== 'EAUTH' ? 'refused' : 'later';
    return { kind, why: `the mail server answered ${responseCode}${code === 'EAUTH' ? ' to the login' : ''}` };
  }
  return { kind: 'later', why: `the mail server did not answer (${code ?? 'no code'})` };
}

const subjectOf = ({ text }: Notice): string => `[kiln] ${text.replaceAll(/[\r\n]+/g, ' ').slice(0, 200)}`;

function textOf({ text, at, facts }: Notice): string {
  const lines = Object.entries(facts).filter(([, value]) => value !== null && value !== '');
  return [text, '', `at ${new Date(at).toISOString()}`, ...lines.map(([key, value]) => `${key}: ${value}`), ''].join('\n');
}
