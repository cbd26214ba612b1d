import createClient, { type Middleware } from 'openapi-fetch';
import { gate } from '$lib/live/gate';
import { session } from '$lib/state/session.svelte';
import { errorOf } from './errors';
import type { paths } from './schema';

/**
 * The login is in a cookie that no script can read. What is sent with every request shows the server that it comes from our
 * own pages: a page from elsewhere cannot send this header.
 */
export const SENT_BY_US = { 'x-requested-with': 'tapebackarr' };

const credentials: Middleware = {
	async onRequest({ request }) {
		await gate.passed;
		for (const [name, value] of Object.entries(SENT_BY_US)) request.headers.set(name, value);
		return request;
	},
	async onResponse({ response }) {
		if (response.ok) return response;
		const body: unknown = await response.json().catch(() => null);
		const error = errorOf(response.status, body);
		// A wrong password is also a 401, but no reason to log anybody out.
		if (error.status === 401 && LOGGED_OUT.has(error.code)) session.expired();
		// Also in tabs that were open when the rule was made.
		if (error.code === 'second_factor_required') session.mustEnrol = true;
		throw error;
	}
};

const LOGGED_OUT = new Set(['missing_authorization', 'invalid_token', 'token_expired']);

/**
 * The REST API, with the types of its own description. A failure is thrown as an `ApiError`, so `data` is there after
 * every `await`: `const { data } = await api.GET('/api/v1/tapes')`.
 */
export const api = createClient<paths>({ baseUrl: '' });
api.use(credentials);

/** The data of an answer that has some. */
export async function fetched<T>(answer: Promise<{ data?: T }>): Promise<T> {
	const { data } = await answer;
	if (data === undefined) throw errorOf(204, null);
	return data;
}
