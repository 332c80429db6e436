/** Plain HTTP requests, headers and all, without a client that knows better. */
import { request } from 'node:http';
import { within } from './node';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Asks and waits for the whole answer. */
export function http(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: HttpOptions = {},
): Promise<HttpAnswer> {
  const answer = new Promise<HttpAnswer>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
  return within(`${method} ${path}`, answer);
}

/** The body of an answer. */
export const json = (answer: HttpAnswer): unknown => JSON.parse(answer.text) as unknown;
