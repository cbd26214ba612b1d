import { createHash, createSign, generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An OpenID provider on another site than the server: a page with a button, and a token for whoever presses it. */
export class TestProvider {
	readonly #key = generateKeyPairSync('rsa', { modulusLength: 2048 });
	readonly #asked = new Map<string, URLSearchParams>();
	readonly #server: Server;
	/** What it says of whoever logs in. */
	claims: Record<string, unknown> = { sub: '1', preferred_username: 'ann', groups: ['tape-operators'] };

	private constructor() {
		this.#server = createServer((request, response) => {
			void this.#answer(request).then(({ status = 200, type = 'application/json', body }) => {
				response.writeHead(status, { 'content-type': type });
				response.end(body);
			});
		});
	}

	static async start(): Promise<TestProvider> {
		const provider = new TestProvider();
		await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
		return provider;
	}

	/** The tests' servers are `127.0.0.1`: to a browser this is another site. */
	get url(): string {
		return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
	}

	async stop(): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}

	async #answer(request: IncomingMessage): Promise<{ status?: number; type?: string; body: string }> {
		const url = new URL(request.url ?? '/', this.url);
		const at = (path: string) => this.url + path;
		const answer = (value: unknown) => ({ body: JSON.stringify(value) });
		switch (url.pathname) {
			case '/.well-known/openid-configuration':
				return answer({ issuer: this.url, authorization_endpoint: at('/authorize'), token_endpoint: at('/token'), jwks_uri: at('/keys') });
			case '/keys':
				return answer({ keys: [{ ...this.#key.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'RS256' }] });
			case '/authorize': {
				const state = url.searchParams.get('state') ?? '';
				this.#asked.set(state, url.searchParams);
				const back = (pairs: string) => `${url.searchParams.get('redirect_uri')}?state=${state}&${pairs}`;
				const links = `<a href="${back(`code=${state}`)}">Yes</a> <a href="${back('error=access_denied')}">No</a>`;
				return { type: 'text/html', body: `<!doctype html><title>Provider</title><h1>Provider</h1>${links}` };
			}
			case '/token': {
				let body = '';
				for await (const chunk of request) body += String(chunk);
				const form = new URLSearchParams(body);
				const asked = this.#asked.get(form.get('code') ?? '');
				const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
				if (!asked || challenge !== asked.get('code_challenge')) return { status: 400, ...answer({ error: 'invalid_grant' }) };
				return answer({ access_token: 'a', token_type: 'Bearer', id_token: this.#token(asked.get('nonce')) });
			}
			default:
				return { status: 404, ...answer({}) };
		}
	}

	#token(nonce: string | null): string {
		const now = Math.floor(Date.now() / 1000);
		const claims = { iss: this.url, aud: 'tapes', exp: now + 300, iat: now, nonce, ...this.claims };
		const message = `${text({ alg: 'RS256', kid: 'k' })}.${text(claims)}`;
		return `${message}.${createSign('RSA-SHA256').update(message).sign(this.#key.privateKey).toString('base64url')}`;
	}
}
